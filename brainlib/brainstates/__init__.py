"""Switching brain states: Poisson GLMs whose wiring a hidden Markov chain selects, with Gaussian and one-hot priors."""
