"""One network on two devices, and the same numbers as on one.

traffic.py     a copy from tower to tower, counted
wholes.py      a parameter of which each tower has half, saved as one
towers.py      the modules: a layer in each tower, and what crosses between them
placement.py   one way to ask for a layer, whole on a device or half in each tower
"""
