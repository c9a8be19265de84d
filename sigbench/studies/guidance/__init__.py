"""What does guidance cost? Label accuracy against variety, by the weight of guidance."""
