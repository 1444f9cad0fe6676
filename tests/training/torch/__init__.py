"""What needs PyTorch and Ultralytics: run in the environment of `make train-env`."""
