"""What notebooks and programs call, and the run that the command line shares with them."""
