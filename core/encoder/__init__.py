"""From captions to users' vectors: the pretrained encoder and what computes it."""
