# Reference values of cohorts, equivalence, power, multiplicity, goals, pooling and dropout for cohorts.json.
# Run from this folder:  Rscript cohorts.R
suppressPackageStartupMessages({library(lme4); library(lmerTest); library(pbkrtest); library(lavaan); library(jsonlite)})
options(digits = 15)
w <- read.csv("univbct.csv"); w <- w[!duplicated(w$SUBNUM), ]
w$cohort <- paste(w$BTN, w$COMPANY); w$change <- w$JOBSAT2 - w$JOBSAT1
p <- w[!is.na(w$change), ]
vec <- function(x) as.list(unname(x))

# Two groups of pairs: Welch, all ways of drawing lots, equivalence by two one-sided t tests.
a <- c(.25, .5, 1, .75, -.25, .5, 1.25, 0, .5, .25, .75, 1); b <- c(0, -.5, .25, .5, 0, .25, -.25, .75, 0, .5)
permute <- function(a, b) {
  x <- c(a, b); s <- combn(length(x), length(a), function(i) mean(x[i]) - mean(x[-i]))
  list(p = mean(abs(s) >= abs(mean(a) - mean(b)) - 1e-10), n_lots = length(s))
}
tost <- function(bound, ...) {
  l <- t.test(..., mu = -bound, alternative = "greater"); u <- t.test(..., mu = bound, alternative = "less")
  ci <- t.test(..., conf.level = .90)
  list(t_lower = unname(l$statistic), t_upper = unname(u$statistic), df = unname(l$parameter), p_lower = l$p.value, p_upper = u$p.value,
    p = max(l$p.value, u$p.value), low = ci$conf.int[1], high = ci$conf.int[2])
}
# A bound in standard deviations: the t against 0 and the noncentral t of each bound; the interval inverts the noncentral t.
ncp <- function(t, df, p) uniroot(function(l) pt(t, df, l) - p, c(-30, 30), tol = 1e-12)$root
tost_sd <- function(t, df, root, bound) list(t_lower = t, df = df, p_lower = pt(-t, df, bound * root), p_upper = pt(t, df, bound * root),
  p = max(pt(-t, df, bound * root), pt(t, df, bound * root)), low = ncp(t, df, .95) / root, high = ncp(t, df, .05) / root)
st <- t.test(a); pooled <- t.test(a, b, var.equal = TRUE)
two <- list(a = a, b = b, welch = with(t.test(a, b), list(t = unname(statistic), df = unname(parameter), p = p.value, low = conf.int[1], high = conf.int[2])),
  permutation = list(both = permute(a[1:7], b[1:6]), small = permute(a[c(1, 3, 4)], b[1:3]), turned = permute(b[1:5], a[1:8])),
  tost = list(change_.3 = tost(.3, a), change_.8 = tost(.8, a), difference_.3 = tost(.3, a, b), difference_1 = tost(1, a, b)),
  tost_sd = list(change_.4 = tost_sd(unname(st$statistic), 11, sqrt(12), .4), change_2 = tost_sd(unname(st$statistic), 11, sqrt(12), 2),
    difference_.4 = tost_sd(unname(pooled$statistic), 20, sqrt(120 / 22), .4)))

# Power: power.t.test with both tails; equivalence by numerical integration over the spread.
pw <- function(n, d, type = "two.sample") power.t.test(n = n, delta = d, type = type, strict = TRUE)$power
detect <- function(n, type = "two.sample", sd = 1) power.t.test(n = n, power = .8, type = type, sd = sd, strict = TRUE, tol = 1e-12)$delta
equivalence <- function(df, root, bound, true = 0, alpha = .05) { tc <- qt(1 - alpha, df)
  integrate(function(s) { f <- pnorm(root * (bound - true) - tc * s) - pnorm(tc * s - root * (bound + true)); pmax(f, 0) * 2 * s * df * dchisq(df * s^2, df) },
    0, root * bound / tc, rel.tol = 1e-12, subdivisions = 2000L)$value }
paired <- function(n, bound, ...) equivalence(n - 1, sqrt(n), bound, ...)
smallest <- function(f) { n <- 2; while (f(n) < .8) n <- n + 1; n }
per_mean <- function(icc, m) sqrt(icc + (1 - icc) / m)
power <- list(
  change = list(n = c(6, 10, 15, 20, 40), d = .6, power = sapply(c(6, 10, 15, 20, 40), pw, d = .6, type = "one.sample")),
  curve = list(n = 20, effects = seq(0, 1.5, .25), power = sapply(seq(0, 1.5, .25), function(d) if (d == 0) .05 else pw(20, d))),
  cohorts = list(k = 5, pairs = 20, icc = .05, d = .5, power = power.t.test(n = 5, delta = .5, sd = per_mean(.05, 20), strict = TRUE)$power,
    detectable = detect(5, sd = per_mean(.05, 20)), needed = smallest(function(n) power.t.test(n = n, delta = .5, sd = per_mean(.05, 20), strict = TRUE)$power)),
  detectable = list(change_10 = detect(10, "one.sample"), change_15 = detect(15, "one.sample"), change_20 = detect(20, "one.sample"),
    difference_10 = detect(10), difference_20 = detect(20), difference_30 = detect(30), difference_40 = detect(40)),
  needed = list(change_.5 = smallest(function(n) pw(n, .5, "one.sample")), difference_.5 = smallest(function(n) pw(n, .5))),
  equivalence = list(paired_36_.5 = paired(36, .5), paired_35_.5 = paired(35, .5), paired_97_.3 = paired(97, .3), paired_10_.5 = paired(10, .5),
    paired_40_.5_true_.2 = paired(40, .5, .2), two_30_40_.5 = equivalence(68, sqrt(1200 / 70), .5)),
  needed_equivalence = list(paired_.5 = smallest(function(n) paired(n, .5)), paired_.3 = smallest(function(n) paired(n, .3)),
    two_.5 = smallest(function(n) equivalence(2 * n - 2, sqrt(n / 2), .5))))

pv <- c(.001, .04, .03, NA, .012, .5, .012, 1)
multiplicity <- list(p = pv, holm = p.adjust(pv, "holm"), bh = p.adjust(pv, "BH"))

# Companies of univbct as cohorts: designs on cohort means, and as random intercepts.
cohorts <- sort(unique(p$cohort)); m <- tapply(p$change, p$cohort, mean); n <- tapply(p$change, p$cohort, length)
arm <- ifelse(seq_along(cohorts) %% 2 == 1, "one", "two"); names(arm) <- cohorts
at <- t.test(m[arm == "one"], m[arm == "two"], var.equal = TRUE)
# Moment estimates within arms from the nested analysis of variance.
av <- anova(lm(change ~ arm[cohort] + cohort, p)); msb <- av$`Mean Sq`[2]; msw <- av$`Mean Sq`[3]
n0 <- (sum(n) - sum(tapply(n, arm, function(x) sum(x^2) / sum(x)))) / (length(n) - 2); between <- max(0, (msb - msw) / n0)
dfc <- length(n) - 2; J <- exp(lgamma(dfc / 2) - .5 * log(dfc / 2) - lgamma((dfc - 1) / 2)); S <- sqrt(between + msw)
arms <- list(arm = as.list(arm), t = unname(at$statistic), df = unname(at$parameter), p = at$p.value, low = at$conf.int[1], high = at$conf.int[2],
  icc = between / (between + msw), sd = S, g = J * unname(at$estimate[1] - at$estimate[2]) / S,
  permutation_8 = permute(m[1:4], m[5:8]))
describe <- function(f, data, x) { kr <- vcovAdj(f); L <- diag(length(fixef(f)))
  lapply(setNames(seq_along(fixef(f)), names(fixef(f))), function(i) list(estimate = unname(fixef(f)[i]), se = sqrt(kr[i, i]), df = get_Lb_ddf(f, L[i, ]))) }
ctl <- lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14))
p$x <- (as.numeric(arm[p$cohort] == "one")) - mean(arm == "one"); order <- setNames(seq_along(cohorts), cohorts); p$order <- order[p$cohort] - mean(order)
f0 <- lmer(change ~ 1 + (1 | cohort), p, control = ctl); f1 <- lmer(change ~ x + order + (1 | cohort), p, control = ctl)
v0 <- as.data.frame(VarCorr(f0))$vcov
many <- list(n = nrow(p), n_cohorts = length(cohorts), plain = describe(f0), designs = describe(f1), between = v0[1], within = v0[2],
  between_designs = as.data.frame(VarCorr(f1))$vcov[1], shrunken = as.list(setNames(coef(f0)$cohort[, 1], rownames(coef(f0)$cohort))),
  singular = isSingular(f0))
# An outcome on which companies do differ.
p$level <- p$JOBSAT1; g0 <- lmer(level ~ 1 + (1 | cohort), p, control = ctl); g1 <- lmer(level ~ x + (1 | cohort), p, control = ctl)
v1 <- as.data.frame(VarCorr(g0))$vcov
many$level <- list(plain = describe(g0), designs = describe(g1), between = v1[1], within = v1[2],
  shrunken = as.list(setNames(coef(g0)$cohort[, 1], rownames(coef(g0)$cohort))))
few <- p[p$cohort %in% cohorts[1:5], ]; fl <- lm(change ~ 0 + cohort, few)
fixed <- list(means = vec(coef(fl)), low = vec(confint(fl)[, 1]), high = vec(confint(fl)[, 2]), df = fl$df.residual,
  mean = mean(coef(fl)), se = sqrt(sum(vcov(fl))) / 5)

# Waiting list: analysis of covariance on two groups of univbct.
q <- w[!is.na(w$JOBSAT1) & !is.na(w$JOBSAT3) & !is.na(w$GENDER), ]; q$program <- q$GENDER == 2
f <- lm(JOBSAT3 ~ program + JOBSAT1, q); i <- lm(JOBSAT3 ~ program * JOBSAT1, q); cf <- summary(f)$coefficients
sdw <- summary(lm(JOBSAT3 ~ program, q))$sigma; dfq <- f$df.residual
Jq <- exp(lgamma(dfq / 2) - .5 * log(dfq / 2) - lgamma((dfq - 1) / 2))
waitlist <- list(n = nrow(q), difference = cf[2, 1], se = cf[2, 2], t = cf[2, 3], p = cf[2, 4], df = dfq, low = confint(f)[2, 1], high = confint(f)[2, 2], slope = cf[3, 1],
  unequal_slopes_p = summary(i)$coefficients[4, 4], g = Jq * cf[2, 1] / sdw, g_low = ncp(cf[2, 3], dfq, .975) * cf[2, 2] / sdw, g_high = ncp(cf[2, 3], dfq, .025) * cf[2, 2] / sdw)

# Goal attainment.
gas <- function(x, wt = rep(1, length(x)), rho = .3) { force(wt); k <- !is.na(x); x <- x[k]; wt <- wt[k]; 50 + 10 * sum(wt * x) / sqrt((1 - rho) * sum(wt^2) + rho * sum(wt)^2) }
goals <- list(x = list(c(0, 0, 0), c(1, 1, 1), c(-1, -1, -1), c(2, 0, -1), c(1, NA, 0), c(2, NA, NA)), weights = c(1, 2, 3))
goals$t <- sapply(goals$x, gas); goals$weighted <- sapply(goals$x, gas, wt = goals$weights); goals$rho_0 <- sapply(goals$x, gas, rho = 0)

# Rubin's rules with Barnard and Rubin's degrees of freedom, as mice::pool.scalar writes them.
rubin <- function(q, u, dfcom) { m <- length(q); ub <- mean(u); b <- var(q); t <- ub + (1 + 1 / m) * b; l <- (1 + 1 / m) * b / t; old <- (m - 1) / l^2
  obs <- (dfcom + 1) / (dfcom + 3) * dfcom * (1 - l); df <- if (is.infinite(dfcom)) old else old * obs / (old + obs); r <- (1 + 1 / m) * b / ub
  e <- mean(q); list(estimate = e, within = ub, between = b, total = t, df = df, low = e - qt(.975, df) * sqrt(t), high = e + qt(.975, df) * sqrt(t),
    p = 2 * pt(-abs(e / sqrt(t)), df), fraction_missing = (r + 2 / (df + 3)) / (r + 1)) }
set.seed(4); qs <- rnorm(50, .4, .08); us <- rexp(50, 100) + .01
pooling <- list(estimates = qs, variances = us, df_39 = rubin(qs, us, 39), df_inf = rubin(qs, us, Inf), five_df_12 = rubin(qs[1:5], us[1:5], 12))

# Little's test with saturated moments by full-information maximum likelihood, and who left.
cols <- c("JOBSAT1", "JOBSAT2", "JOBSAT3", "COMMIT1", "COMMIT2", "COMMIT3"); x <- as.matrix(w[cols]); x <- x[rowSums(!is.na(x)) > 0, ]
h1 <- lavaan(paste(c(outer(cols, cols, function(l, r) ifelse(l <= r, paste(l, "~~", r), "")), paste(cols, "~ 1")), collapse = "\n"), as.data.frame(x), missing = "fiml", meanstructure = TRUE,
  fixed.x = FALSE, control = list(rel.tol = 1e-14, iter.max = 10000))
S1 <- lavInspect(h1, "implied")$cov[cols, cols]; mu <- lavInspect(h1, "implied")$mean[cols]
key <- apply(!is.na(x), 1, paste, collapse = ""); d2 <- 0; df <- -length(cols)
for (k in unique(key)) { r <- x[key == k, , drop = FALSE]; o <- !is.na(r[1, ]); gap <- colMeans(r[, o, drop = FALSE]) - mu[o]
  d2 <- d2 + nrow(r) * sum(gap * solve(S1[o, o], gap)); df <- df + sum(o) }
ch <- sem("JOBSAT1 ~~ JOBSAT2 + JOBSAT3\nJOBSAT2 ~~ JOBSAT3\nJOBSAT1 ~ a * 1\nJOBSAT3 ~ b * 1\nJOBSAT2 ~ 1\nchange := b - a", w, missing = "fiml", fixed.x = FALSE)
pe <- parameterEstimates(ch)
w$left <- is.na(w$JOBSAT3); l <- w[!is.na(w$JOBSAT1) & !is.na(w$COMMIT1) & !is.na(w$GENDER), ]
gl <- glm(left ~ scale(JOBSAT1) + scale(COMMIT1) + factor(GENDER), binomial, l, control = list(epsilon = 1e-14, maxit = 100)); gc <- summary(gl)$coefficients
missing <- list(little = list(n = nrow(x), chi_square = d2, df = df, p = pchisq(d2, df, lower.tail = FALSE), n_patterns = length(unique(key))),
  fiml_change = list(estimate = pe$est[pe$label == "change"], se = pe$se[pe$label == "change"], n = lavInspect(ch, "nobs")),
  logistic = list(n = nrow(l), estimate = vec(gc[, 1]), se = vec(gc[, 2]), p = vec(gc[, 4])))

versions <- sapply(c("lme4", "pbkrtest", "lavaan", "jsonlite"), function(x) as.character(packageVersion(x)))
out <- list(meta = list(R = R.version.string, packages = as.list(versions), data = "univbct.csv: one row for each SUBNUM, cohort = BTN and COMPANY, change = JOBSAT2 - JOBSAT1"),
  two = two, power = power, multiplicity = multiplicity, arms = arms, many = many, fixed = fixed, waitlist = waitlist, goals = goals, pooling = pooling, missing = missing)
write(toJSON(out, digits = 12, auto_unbox = TRUE, na = "null", pretty = 1), "cohorts.json")
