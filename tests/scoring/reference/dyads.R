# Reference values for analyses of pairs. Run here:  Rscript dyads.R
# Packages lavaan, systemfit, car (deltaMethod), lme4, pbkrtest, nlme; Fieller's interval, limits of agreement, the double-entry correlation and
# mean products are base R after the formulas named beside them. No code of a package is copied. Simulated data stand in the JSON.
suppressPackageStartupMessages({ library(lavaan); library(systemfit); library(car); library(lme4); library(pbkrtest); library(nlme); library(jsonlite) })
options(warn = 1)
num <- function(x) unname(as.numeric(x))
nlist <- function(x) as.list(setNames(as.numeric(x), names(x)))
score <- function(d, items) { m <- rowMeans(d[, items], na.rm = TRUE); m[rowSums(!is.na(d[, items])) < length(items) / 2] <- NA; m }

sim <- read.csv("sim_dyads_a.csv"); sim$safety <- score(sim, sprintf("q%02d", 1:5)); sim$support <- score(sim, sprintf("q%02d", 6:9))
wide <- function(s) { l <- sim[, c("pair", "role", "wave", s)]; l$key <- paste0(l$role, l$wave)
  w <- reshape(l[, c("pair", "key", s)], direction = "wide", idvar = "pair", timevar = "key"); names(w) <- sub(paste0(s, "."), "", names(w), fixed = TRUE); w[order(w$pair), ] }
sa <- wide("safety"); su <- wide("support"); tw <- read.csv("twins_dzos.csv")

# Bland & Altman (1999): limits mean -+ 1.96 s, variance of a limit s^2 (1/n + 1.96^2 / (2 (n - 1))).
agreement <- function(a, b) { ok <- complete.cases(a, b); a <- a[ok]; b <- b[ok]; d <- a - b; n <- length(d); t <- t.test(a, b, paired = TRUE); z <- qnorm(.975); s <- sd(d)
  lim <- mean(d) + c(-1, 1) * z * s; h <- qt(.975, n - 1) * s * sqrt(1 / n + z^2 / (2 * (n - 1)))
  list(n = n, mean = mean(d), ci = num(t$conf.int), t = num(t$statistic), df = num(t$parameter), p = t$p.value, sd = s, limits = lim, lower_ci = lim[1] + c(-h, h), upper_ci = lim[2] + c(-h, h),
    double_entry = cor(c(a, b), c(b, a)), first5 = num(head(d, 5))) }

# Ratio p / a with all k for which (p - k a) / se(p - k a) stays inside t: roots of a quadratic.
fieller <- function(m, own, other, conf = .95) { b <- coef(m); V <- vcov(m); q <- qt(1 - (1 - conf) / 2, m$df.residual)^2
  A <- b[[own]]^2 - q * V[own, own]; B <- b[[own]] * b[[other]] - q * V[own, other]; C <- b[[other]]^2 - q * V[other, other]
  list(k = b[[other]] / b[[own]], bounded = A > 0, interval = if (A > 0) (B + c(-1, 1) * sqrt(B^2 - A * C)) / A else NULL) }
apim <- function(xm, xj, ym, yj) { d <- data.frame(xm, xj, ym, yj); d <- d[complete.cases(d), ]; m <- lm(ym ~ xm + xj, d); j <- lm(yj ~ xm + xj, d)
  block <- function(f) { s <- coef(summary(f)); list(term = rownames(s), est = num(s[, 1]), se = num(s[, 2]), t = num(s[, 3]), p = num(s[, 4]), low = num(confint(f)[, 1]), high = num(confint(f)[, 2]), sigma = summary(f)$sigma, r2 = summary(f)$r.squared, df = f$df.residual) }
  s <- systemfit(list(m = ym ~ xm + xj, j = yj ~ xm + xj), "SUR", data = d); b <- coef(s); V <- vcov(s)
  con <- function(p, q) list(est = b[[p]] - b[[q]], se = sqrt(V[p, p] + V[q, q] - 2 * V[p, q]))
  list(n = nrow(d), mentor = block(m), mentee = block(j), sur = list(est = nlist(b), se = nlist(sqrt(diag(V)))), residual_correlation = cor(resid(m), resid(j)), predictor_correlation = cor(d$xm, d$xj),
    difference_actor = con("m_xm", "j_xj"), difference_partner = con("m_xj", "j_xm"), fieller_mentor = fieller(m, "xm", "xj"), fieller_mentee = fieller(j, "xj", "xm")) }

fate <- function(xm, xj, ym, yj, missing) { d <- data.frame(xm, xj, ym, yj)
  f <- sem("X =~ 1*xm + 1*xj\nY =~ 1*ym + 1*yj\nY ~ X\nxm ~~ ym\nxj ~~ yj", data = d, missing = missing, meanstructure = TRUE); pe <- parameterEstimates(f, standardized = TRUE)
  list(n = nobs(f), converged = lavInspect(f, "converged"), proper = suppressWarnings(lavInspect(f, "post.check")), fit = nlist(fitMeasures(f, c("npar", "chisq", "df", "pvalue", "cfi", "tli", "rmsea", "srmr", "logl", "aic", "bic"))),
    parameters = as.list(pe[, c("lhs", "op", "rhs", "est", "se", "z", "pvalue", "ci.lower", "ci.upper", "std.all")])) }

# Edwards & Parry (1993); errors of a1..a5 from vcov, of the axis by car::deltaMethod; t intervals on n - 6.
surface <- function(z, m, j, mid) { d <- data.frame(z, x = m - mid, y = j - mid); d <- d[complete.cases(d), ]; f <- lm(z ~ x + y + I(x^2) + I(x * y) + I(y^2), d); s <- coef(summary(f)); V <- vcov(f); df <- f$df.residual
  L <- rbind(a1 = c(0, 1, 1, 0, 0, 0), a2 = c(0, 0, 0, 1, 1, 1), a3 = c(0, 1, -1, 0, 0, 0), a4 = c(0, 0, 0, 1, -1, 1), a5 = c(0, 0, 0, 1, 0, -1)); a <- num(L %*% coef(f)); se <- num(sqrt(diag(L %*% V %*% t(L)))); q <- qt(.975, df)
  nm <- paste0("b", 0:5); b <- setNames(coef(f), nm); dimnames(V) <- list(nm, nm); x0 <- "(b2*b4-2*b1*b5)/(4*b3*b5-b4^2)"; y0 <- "(b1*b4-2*b2*b3)/(4*b3*b5-b4^2)"; p11 <- "(b5-b3+sqrt((b3-b5)^2+b4^2))/b4"
  g <- function(e) { r <- car::deltaMethod(b, e, vcov. = V); list(est = r$Estimate, se = r$SE) }
  fs <- summary(f)$fstatistic
  list(n = nrow(d), midpoint = mid, est = num(s[, 1]), se = num(s[, 2]), t = num(s[, 3]), p = num(s[, 4]), df = df, r2 = summary(f)$r.squared, F = num(fs[1]), p_F = pf(fs[1], fs[2], fs[3], lower.tail = FALSE)[[1]],
    surface = list(est = a, se = se, t = a / se, p = 2 * pt(-abs(a / se), df), low = a - q * se, high = a + q * se), axis = list(x0 = g(x0), y0 = g(y0), p10 = g(paste0(y0, "-(", p11, ")*(", x0, ")")), p11 = g(p11)), quantile = q) }
set.seed(41); n <- 220; common <- rnorm(n, 0, .6); worlds <- data.frame(m = round(pmin(pmax(3.2 + common + rnorm(n, 0, .6), 1), 5), 1), j = round(pmin(pmax(3.0 + common + rnorm(n, 0, .7), 1), 5), 1)); e <- rnorm(n, 0, .5)
worlds$congruence <- round(3 - .5 * (worlds$m - worlds$j)^2 + e, 2); worlds$main <- round(1 + .2 * worlds$m + .5 * worlds$j + e, 2); worlds$quadratic <- round(2 + .3 * worlds$m - .2 * (worlds$m - 3)^2 + .15 * (worlds$j - 3)^2 + e, 2)

# Mentors with one to four mentees; pbkrtest for the error and df of the mean, with and without a covariate.
set.seed(42); a <- 24; size <- sample(1:4, a, TRUE, c(.4, .3, .2, .1)); g <- rep(seq_len(a), size); N <- length(g); many <- data.frame(mentor = g, y = round(3.5 + rnorm(a, 0, .5)[g] + rnorm(N, 0, .6), 2), x = round(rnorm(N), 2))
owm <- function(f, d) { m <- lmer(f, d); V <- as.matrix(vcovAdj(m)); vc <- as.data.frame(VarCorr(m)); b <- fixef(m)
  kr <- function(i) { L <- rep(0, length(b)); L[i] <- 1; r <- suppressMessages(KRmodcomp(m, matrix(L, 1)))$stats; list(est = b[[i]], se = sqrt(V[i, i]), df = r$ddf, F = r$Fstat, p = r$p.value) }
  list(n = nrow(d), coef = lapply(setNames(seq_along(b), names(b)), kr), var = setNames(as.list(vc$vcov), vc$grp), logLik = num(logLik(m))) }
set.seed(43); cross <- data.frame(mentor = c(1:30, 1:18), mentee = c(1:30, c(2:18, 1) + 30 * rep(c(0, 1), c(12, 6)))); N2 <- nrow(cross); cross$y <- round(3 + rnorm(30, 0, .6)[cross$mentor] + rnorm(60, 0, .6)[cross$mentee] + rnorm(N2, 0, .4), 2)

# Three mentees for each of 30 mentors; both sides at once by nlme: a random intercept and a residual each, both correlated over the sides.
set.seed(44); a <- 30; g <- rep(seq_len(a), each = 3); A <- rnorm(a); rel <- rnorm(90); rec <- data.frame(mentor = g, pair = 1:90, m = round(3.6 + (.6 * A + .2 * rnorm(a))[g] + .5 * rel + .3 * rnorm(90), 2), j = round(3.2 + (.4 * A + .4 * rnorm(a))[g] + .4 * rel + .4 * rnorm(90), 2))
long <- rbind(data.frame(rec[, 1:2], side = "m", y = rec$m), data.frame(rec[, 1:2], side = "j", y = rec$j)); long$side <- factor(long$side, c("m", "j")); long <- long[order(long$mentor, long$pair, long$side), ]
both <- lme(y ~ 0 + side, random = ~ 0 + side | mentor, correlation = corSymm(form = ~ 1 | mentor/pair), weights = varIdent(form = ~ 1 | side), data = long, method = "REML", control = lmeControl(opt = "optim", msMaxIter = 1000, maxIter = 1000, reltol = 1e-12))
D <- unclass(getVarCov(both)); r <- num(coef(both$modelStruct$corStruct, unconstrained = FALSE)); w <- num(coef(both$modelStruct$varStruct, unconstrained = FALSE)); s <- both$sigma
# Unequal numbers of mentees: mean products by hand from aov's sums of squares.
uneven <- rec[-c(2, 3, 6, 11, 12, 20, 33, 50, 51, 77), ]; ms <- function(u, v) { g <- factor(uneven$mentor); n <- length(u); k <- nlevels(g); W <- sum((u - ave(u, g)) * (v - ave(v, g))) / (n - k); B <- sum((ave(u, g) - mean(u)) * (ave(v, g) - mean(v))) / (k - 1); n0 <- (n - sum(table(g)^2) / n) / (k - 1); c((B - W) / n0, W) }
mm <- ms(uneven$m, uneven$m); jj <- ms(uneven$j, uneven$j); mj <- ms(uneven$m, uneven$j)
check <- summary(aov(m ~ factor(mentor), uneven))[[1]][, "Mean Sq"]

out <- list(
  meta = list(R = as.character(getRversion()), packages = lapply(setNames(nm = c("lavaan", "systemfit", "car", "lme4", "pbkrtest", "nlme")), function(p) as.character(packageVersion(p)))),
  agreement = list(safety_wave0 = agreement(sa$mentor0, sa$mentee0), support_wave2 = agreement(su$mentor2, su$mentee2), twins_bmi = agreement(tw$bmi1, tw$bmi2)),
  apim = list(safety = apim(sa$mentor0, sa$mentee0, sa$mentor2, sa$mentee2), support = apim(su$mentor0, su$mentee0, su$mentor2, su$mentee2), twins = apim(tw$ht1, tw$ht2, tw$wt1, tw$wt2), first15 = apim(sa$mentor0[1:15], sa$mentee0[1:15], su$mentor0[1:15], su$mentee0[1:15])),
  fate = list(safety_support_listwise = fate(sa$mentor0, sa$mentee0, su$mentor0, su$mentee0, "listwise"), safety_waves_fiml = fate(sa$mentor0, sa$mentee0, sa$mentor2, sa$mentee2, "fiml"), twins_listwise = fate(tw$ht1 * 100, tw$ht2 * 100, tw$wt1, tw$wt2, "listwise")),
  surface_data = as.list(worlds), surface = list(congruence = surface(worlds$congruence, worlds$m, worlds$j, 3), main = surface(worlds$main, worlds$m, worlds$j, 3), quadratic = surface(worlds$quadratic, worlds$m, worlds$j, 3), sim = surface(su$mentee2, sa$mentor0, sa$mentee0, 3)),
  many_data = as.list(many), many = list(mean = owm(y ~ 1 + (1 | mentor), many), covariate = owm(y ~ x + (1 | mentor), many)), cross_data = as.list(cross), cross = owm(y ~ 1 + (1 | mentor) + (1 | mentee), cross),
  reciprocal_data = as.list(rec), reciprocal = list(mean = nlist(fixef(both)), between = c(D[1, 1], D[2, 2], D[1, 2]), relationship = c(s^2, (s * w)^2, r * s^2 * w), generalized = D[1, 2] / sqrt(D[1, 1] * D[2, 2]), dyadic = r),
  uneven = list(rows = as.integer(rownames(uneven)), between = c(mm[1], jj[1], mj[1]), relationship = c(mm[2], jj[2], mj[2]), within_aov = check[2]))
write_json(out, "dyads.json", auto_unbox = TRUE, digits = I(12), na = "null", null = "null")
