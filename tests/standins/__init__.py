"""Services that people are asked by, on this machine, each speaking the real protocol."""
