/* catalogue/foundation-models.json, as it is. */
        .section .rodata
        .global outcrop_catalogue_begin
        .global outcrop_catalogue_end
outcrop_catalogue_begin:
        .incbin "foundation-models.json"
outcrop_catalogue_end:
        .byte 0
        .section .note.GNU-stack,"",%progbits
