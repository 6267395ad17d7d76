"""Writes figures.json: log E, incomplete beta and Clopper-Pearson bounds by mpmath at 40 digits.

Run by hand (a few seconds): pip install mpmath==1.4.1 gmpy2 scipy==1.17.1
then: python make-figures.py > figures.json
Works at 40 digits on the continued fraction of the incomplete beta function; the TypeScript under
test works in doubles on a library's choice of expansions.
"""

import json
import random

from mpmath import asin, exp, log, loggamma, mp, mpf, sqrt
from scipy.special import betaincinv

mp.dps = 40
RATES = ["0.0001", "0.001", "0.01", "0.05", "0.2", "0.5"]
# Sizes with the steps, in standard deviations from the mean, at which k is taken.
SIZES = {
    1: (0,),
    2: (0,),
    9: (0, 1),
    59: (-1, 0, 2),
    297: (-2, 0, 2),
    455: (-2, 0, 2),
    5000: (-6, -2, 0, 2, 8),
    100000: (-6, -3, 0, 3, 5),
    1000000: (-6, -3, -1, 0, 1, 3, 6),
}


def log_beta(p, q):
    return loggamma(p) + loggamma(q) - loggamma(p + q)


def tail(p, q, x):
    """The continued fraction of DLMF 8.17.22, forwards (modified Lentz)."""
    top, bottom, value, i = mpf(1), 1 / (1 - (p + q) * x / (p + 1)), mpf(1), 1
    value = bottom
    while True:
        even = i * (q - i) * x / ((p + 2 * i - 1) * (p + 2 * i))
        odd = -(p + i) * (p + q + i) * x / ((p + 2 * i) * (p + 2 * i + 1))
        for step in (even, odd):
            bottom = 1 / (1 + step * bottom)
            top = 1 + step / top
            value *= bottom * top
        i += 1
        if abs(bottom * top - 1) < mpf(10) ** -32:
            return value


def log_incomplete(p, q, x):
    """log of the integral of t^(p-1) (1-t)^(q-1) over 0..x, by the continued fraction of the shorter side."""
    prefix = p * log(x) + q * log(1 - x)
    if x < p / (p + q):
        return prefix - log(p) + log(tail(p, q, x))
    whole = log_beta(p, q)
    return whole + log(1 - exp(prefix - log(q) + log(tail(q, p, 1 - x)) - whole))


def log_e(k, n, a):
    """log E(k, n, a) and log I_a(k+1/2, n-k+1/2)."""
    p, q = k + mpf(1) / 2, n - k + mpf(1) / 2
    top = log_incomplete(p, q, a)
    value = top - log(2 * asin(sqrt(a))) - k * log(a) - (n - k) * log(1 - a)
    return [mp.nstr(value, 20), mp.nstr(top - log_beta(p, q), 20)]


def clopper_pearson(k, n, d):
    """The rate x with I_x(k+1, n-k) = 1-d: Newton from scipy's double."""
    if k == n:
        return mpf(1)
    if k == 0:
        return 1 - exp(log(d) / n)
    p, q = mpf(k + 1), mpf(n - k)
    x = mpf(float(betaincinv(k + 1, n - k, float(1 - d))))
    for _ in range(2):
        share = exp(log_incomplete(p, q, x) - log_beta(p, q))
        density = exp((p - 1) * log(x) + (q - 1) * log(1 - x) - log_beta(p, q))
        x -= (share - (1 - d)) / density
    return x


def counts_of(n, a, steps, draw):
    spread = (n * a * (1 - a)) ** 0.5
    near = {round(n * a + step * spread) for step in steps}
    wide = {0, 1, n} if n >= 50000 else {0, 1, n // 2, n - 1, n, draw.randrange(n + 1)}
    return sorted(k for k in near | wide if 0 <= k <= n)


def main():
    draw = random.Random(20261121)
    rows, bounds = [], []
    for n, steps in SIZES.items():
        for a in RATES:
            for k in counts_of(n, float(a), steps, draw):
                rows.append([k, n, float(a), *log_e(k, n, mpf(float(a)))])
        for d in ("0.1", "0.05", "0.001"):
            for k in sorted({0, 1, n // 100, n // 10, n}):
                bounds.append([k, n, float(d), mp.nstr(clopper_pearson(k, n, mpf(float(d))), 20)])
    write = {"logE": rows, "clopperPearson": bounds}
    print(json.dumps(write, separators=(",", ":")).replace("],[", "],\n["))


main()
