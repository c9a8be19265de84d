"""Where does a sampler lose its teacher? Both on the same Brownian path, step by step."""
