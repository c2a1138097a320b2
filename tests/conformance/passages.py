"""Small tasks that the default chat model gets right: one fact out of a short passage, chosen by chance."""
import random

CITIES = ["Oslo", "Lisbon", "Vienna", "Prague", "Dublin", "Athens", "Warsaw", "Helsinki", "Madrid", "Zagreb"]
NAMES = ["Larkspur", "Juniper", "Bluebell", "Hawthorn", "Marigold", "Foxglove", "Primrose", "Clover"]


def city_question(seed=None):
    """A passage with a question, and the city that must be in the answer."""
    chance = random.Random(seed)
    city, name, count = chance.choice(CITIES), chance.choice(NAMES), chance.randrange(12, 90)
    passage = f"The {name} depot is in {city}. It has {count} trucks. The manager has worked there since spring."
    return f"{passage}\n\nWhich city is the {name} depot in? Answer in one short sentence.", city


def user(text):
    return {"role": "user", "content": [{"text": text}]}
