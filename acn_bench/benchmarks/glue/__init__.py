"""Fine-tune a text network on a task of GLUE, and measure its scores at every depth."""
