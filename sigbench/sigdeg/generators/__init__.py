"""The networks N_θ of Sig-DEG, one a kind of data, around an exact linear step."""
