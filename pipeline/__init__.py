"""Convoy: from a folder of labelled images to the best convolutional network a budget can find."""
