"""What people bring: trained networks with their schedules, images and arrays as a truth, and what judges them."""
