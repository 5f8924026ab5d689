"""Tables to small integer codes and back, from public knowledge and released counts only."""
