/** Coefficients of the Lanczos approximation of the gamma function (g = 7, n = 9), relative error below 1e-13. */
const LANCZOS: readonly number[] = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]; // prettier-ignore
const LANCZOS_G = 7;
/** Steps of the continued fraction, and the relative change at which it has converged. */
const STEPS_MAX = 300;
const CONVERGED = 1e-10;
const TINY = 1e-300;

/** ln of the gamma function for x > 0. */
function lnGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const below = x - 1;
  const t = below + LANCZOS_G + 0.5;
  const sum = LANCZOS.reduce((total, coefficient, index) => total + coefficient / (below + index));
  return 0.5 * Math.log(2 * Math.PI) + (below + 0.5) * Math.log(t) - t + Math.log(sum);
}

/** The continued fraction of the incomplete beta function (Numerical Recipes, 3rd edition, section 6.4; Lentz's method). */
function betaFraction(a: number, b: number, x: number): number {
  const notZero = (value: number) => (Math.abs(value) < TINY ? TINY : value);
  let c = 1;
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= STEPS_MAX; m += 1) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / notZero(1 + even * d);
    c = notZero(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + odd * d);
    c = notZero(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < CONVERGED) break;
  }
  return fraction;
}

/** The regularized incomplete beta function I_x(a, b). */
function incompleteBeta(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const front = Math.exp(lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(a, b, x)) / a
    : 1 - (front * betaFraction(b, a, 1 - x)) / b;
}

/**
 * How likely a count of `count` or more is where `mean` is expected and the variance is mean + mean²/dispersion
 * (negative binomial: P(X >= k) = I_p(k, r) with r = dispersion, p = mean/(mean + r)).
 */
export function tailProbability(count: number, mean: number, dispersion: number): number {
  if (count <= 0) return 1;
  return mean <= 0 ? 0 : incompleteBeta(count, dispersion, mean / (mean + dispersion));
}
