"""How a student is distilled from its teacher: the coarse steps that it learns, the loss, the training."""
