# Reference values from base R (package stats only) for base.json. Run from this folder:  Rscript base.R
# Rewritten from the formulas named beside each block; no code of a package is copied.
options(digits = 15)
json <- function(x) {
  if (is.null(x)) return("null")
  if (is.list(x)) return(paste0("{", paste0('"', names(x), '": ', vapply(x, json, ""), collapse = ",\n "), "}"))
  v <- ifelse(is.na(x), "null", formatC(as.numeric(x), digits = 15, format = "g", width = 1))
  if (length(v) == 1) v else paste0("[", paste(v, collapse = ", "), "]")
}
ncp <- function(t, df, p) uniroot(function(l) suppressWarnings(pt(t, df, l)) - p, c(t - 12, t + 12), extendInt = "yes", tol = 1e-13)$root
J <- function(df) exp(lgamma(df / 2) - log(sqrt(df / 2)) - lgamma((df - 1) / 2))
score <- function(d) { k <- ncol(d); m <- rowMeans(d, na.rm = TRUE); m[rowSums(!is.na(d)) < ceiling(2 * k / 3)] <- NA; m }
describe <- function(x) list(n = sum(!is.na(x)), missing = sum(is.na(x)), mean = mean(x, na.rm = TRUE), sd = sd(x, na.rm = TRUE),
  median = median(x, na.rm = TRUE), min = min(x, na.rm = TRUE), max = max(x, na.rm = TRUE))

paired <- function(x, y) { n <- length(x); d <- y - x; t <- t.test(y, x, paired = TRUE); sav <- (sd(x) + sd(y)) / 2; s <- sd(d)
  list(before = x, after = y, mean = mean(d), sd = s, t = t$statistic, df = t$parameter, p = t$p.value, ci = t$conf.int,
    g_av = J(n - 1) * mean(d) / sav, g_ci = c(ncp(t$statistic, n - 1, .975), ncp(t$statistic, n - 1, .025)) / sqrt(n) * s / sav) }
welch <- function(a, b) { a <- a[!is.na(a)]; b <- b[!is.na(b)]; t <- t.test(a, b); na <- length(a); nb <- length(b); df <- na + nb - 2
  sp <- sqrt(((na - 1) * var(a) + (nb - 1) * var(b)) / df); tp <- t.test(a, b, var.equal = TRUE)$statistic; r <- sqrt(1 / na + 1 / nb)
  list(n = c(na, nb), mean = c(mean(a), mean(b)), sd = c(sd(a), sd(b)), t = t$statistic, df = t$parameter, p = t$p.value, ci = t$conf.int,
    g = J(df) * (mean(a) - mean(b)) / sp, g_ci = c(ncp(tp, df, .975), ncp(tp, df, .025)) * r) }
flip <- function(d) { s <- as.matrix(expand.grid(rep(list(c(-1, 1)), length(d)))); list(d = d, p = mean(abs(s %*% d) >= abs(sum(d)))) }
detect <- function(na, nb) { df <- na + nb - 2; q <- qt(.975, df); r <- sqrt(na * nb / (na + nb))
  uniroot(function(d) pt(q, df, d * r, lower.tail = FALSE) - .8, c(.01, 5), tol = 1e-12)$root }

sim <- read.csv("sim_dyads_a.csv"); bfi <- read.csv("bfi.csv"); q <- sprintf("q%02d", 1:5)
sim$safety <- score(sim[, q]); agree <- bfi[, paste0("A", 1:5)]; agree$A1 <- 7 - agree$A1
gain <- function(role) { a <- sim[sim$role == role & sim$wave == 0, c("pair", "safety")]; b <- sim[sim$role == role & sim$wave == 2, c("pair", "safety")]
  m <- merge(a, b, by = "pair"); m$safety.y - m$safety.x }
set.seed(5); a40 <- round(rnorm(40, .5, .6), 2); b15 <- round(rnorm(15, .1, .9), 2); set.seed(6)
x12 <- round(rnorm(12, 3.4, .7), 2); y12 <- round(x12 + rnorm(12, .4, .5), 2); x10 <- round(rnorm(10, 4, .3), 2); y10 <- round(x10 - 1.5 + rnorm(10, 0, .2), 2)
fl <- function(a, n, k, conf) { g <- (1 - conf) / 2; 1 - (1 - a) * qf(c(1 - g, g), n - 1, (n - 1) * (k - 1)) }

out <- list(
  R = as.numeric(paste0(R.version$major, ".", sub("\\..*", "", R.version$minor))),
  safety_score = describe(sim$safety), agree_score = describe(score(agree)),
  level = list(x = x12, ci = t.test(x12)$conf.int, ci90 = t.test(x12, conf.level = .9)$conf.int),
  paired = list(twelve = paired(x12, y12), large_fall = paired(x10, y10)),
  welch = list(roles = welch(gain("mentor"), gain("mentee")), uneven = welch(a40, b15)), welch_uneven_a = a40, welch_uneven_b = b15,
  flip = list(six = flip(c(1, 2, 3, 4, 5, 6)), ties = flip(c(3, 3, -3, 0, 6, -3, 3, 0, 3, 9)), thirteen = flip(c(5, -2, 7, 1, 1, -4, 12, 3, -6, 8, 2, 0, 4))),
  detectable_change = list(n = c(6, 10, 15, 20, 40), d = sapply(c(6, 10, 15, 20, 40), function(n) power.t.test(n = n, power = .8, type = "one.sample", tol = 1e-12)$delta)),
  detectable_difference = list(n = c(10, 20, 30, 40), d = sapply(c(10, 20, 30, 40), function(n) power.t.test(n = n, power = .8, tol = 1e-12)$delta), uneven_15_40 = detect(15, 40)),
  feldt = list(alpha = .7037558944, n = 2709, k = 5, ci90 = fl(.7037558944, 2709, 5, .9), small_ci95 = fl(.62, 12, 4, .95)),
  J = list(df = c(4, 9, 19, 54), j = J(c(4, 9, 19, 54))))
writeLines(json(out), "base.json")
