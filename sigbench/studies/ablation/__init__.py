"""What is each part of a student worth? Students trained under one budget and judged on one noise."""
