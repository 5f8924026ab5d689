"""The generator, what anchors it, its adversary, and their training. No private row is read here."""
