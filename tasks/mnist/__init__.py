"""MNIST: images of handwritten digits, with a teacher, and scores on the features of a frozen classifier."""
