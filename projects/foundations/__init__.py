"""Week 1: the Transformer from scratch, tokenizers, decoding, platforms."""
