"""temporary"""


def gain(p):
    return 1 / (p.alpha.sum(-1))
