"""The generator, its anchors, its adversary, and their training. No private row is read here."""
