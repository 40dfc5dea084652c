"""Published ways to bring physics, or the neighbouring known states, into generated samples; one file each."""
