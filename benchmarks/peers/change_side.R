# The change report with R's own packages: lme4, pbkrtest, boot and base R.
#   Rscript change_side.R DATA.csv OUT.json
# One process does the whole report once; loading packages and reading the file are timed apart. Parts marked "beside" are not in the
# sum: other ways to do a part, and permutations, which the report does not make for cohorts that nobody assigned.
arguments <- commandArgs(trailingOnly = TRUE)
started <- proc.time()[["elapsed"]]
suppressPackageStartupMessages({ library(lme4); library(pbkrtest); library(lmerTest); library(boot) })
import_seconds <- proc.time()[["elapsed"]] - started
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "shared.R"))
N_FLIPS <- 9999; CONFIDENCE <- 0.95; MARGIN <- 0.3; SD_REFERENCE <- 0.75; RETEST <- 0.70; LEAST_ANSWERED <- 4; FLAGGED <- 0.4

long <- read.csv(arguments[1])
read_seconds <- proc.time()[["elapsed"]] - started - import_seconds
items <- grep("^q[0-9]+$", names(long), value = TRUE)
scales <- split(items, (seq_along(items) - 1) %/% 5 + 1); names(scales) <- paste0("s", seq_along(scales))
roles <- c("mentor", "mentee"); waves <- sort(unique(long$wave)); pairs <- unique(long$pair)
first <- 1; last <- length(waves)
cohort <- long$cohort[match(pairs, long$pair)]
place <- cbind(match(long$pair, pairs), match(long$role, roles), match(long$wave, waves))
figures <- list(); clock <- list()
add <- function(name, values) figures[[name]] <<- c(figures[[name]], unlist(values, use.names = FALSE))
timed <- function(name, expression) {
  before <- proc.time(); value <- suppressMessages(suppressWarnings(expression)); spent <- proc.time() - before
  old <- if (is.null(clock[[name]])) c(0, 0) else clock[[name]]
  clock[[name]] <<- old + c(spent[["elapsed"]], sum(spent[c(1, 2, 4, 5)], na.rm = TRUE))
  invisible(value)
}

# Scores: the mean of the answers there are, from four of five on; laid out pairs x roles x waves.
score <- function(items) {
  answers <- as.matrix(long[items])
  values <- array(NA_real_, c(length(pairs), 2, length(waves)))
  values[place] <- ifelse(rowSums(!is.na(answers)) >= LEAST_ANSWERED, rowMeans(answers, na.rm = TRUE), NA)
  values
}
scored <- timed("scores", lapply(scales, score))
changes_of <- function(y, side, a = first, b = last) y[, side, b] - y[, side, a]
steps <- c(list(c(first, last)), if (last > 2) lapply(seq_len(last - 1), function(w) c(w, w + 1)))

# Means and changes of each role: t intervals, paired t tests, g_av, equivalence, the smallest change that shows.
correction <- function(df) exp(lgamma(df / 2) - log(sqrt(df / 2)) - lgamma((df - 1) / 2))
change_of_role <- function(y, side, a, b) {
  both <- na.omit(cbind(y[, side, a], y[, side, b])); d <- both[, 2] - both[, 1]; n <- nrow(both)
  test <- t.test(both[, 2], both[, 1], paired = TRUE)
  list(mean = test$estimate, low = test$conf.int[1], high = test$conf.int[2], p = test$p.value,
    g = correction(n - 1) * mean(d) / mean(apply(both, 2, sd)), detectable = power.t.test(n = n, power = 0.8, type = "one.sample", tol = 1e-10)$delta * sd(d))
}
p_changes <- timed("means and changes", {
  p <- c()
  for (y in scored) for (side in 1:2) {
    for (w in seq_along(waves)) { t <- t.test(y[, side, w]); add("mean levels", t$estimate); add("intervals of levels", t$conf.int) }
    for (step in steps) {
      found <- change_of_role(y, side, step[1], step[2])
      add("mean changes", found$mean); add("intervals of changes", c(found$low, found$high)); add("p of changes", found$p)
      add("g_av of changes", found$g); add("detectable changes", found$detectable)
    }
    d <- changes_of(y, side); d <- d[!is.na(d)]
    add("p of equivalence", max(t.test(d, mu = -MARGIN, alternative = "greater")$p.value, t.test(d, mu = MARGIN, alternative = "less")$p.value))
    p <- c(p, t.test(d)$p.value)
  }
  # The first scale is the primary family, all others are the secondary one.
  own <- seq_along(p) <= 2
  add("adjusted p of changes", ifelse(own, p.adjust(ifelse(own, p, NA), "holm"), p.adjust(ifelse(own, NA, p), "BH")))
  p
})

# Sign flips of whole sums: a matrix of random signs for each change of each role.
flip <- function(x) {
  x <- x[!is.na(x)]
  signs <- matrix(runif(N_FLIPS * length(x)) < 0.5, N_FLIPS)
  (1 + sum(abs(2 * (signs %*% x) - sum(x)) >= abs(sum(x)))) / (N_FLIPS + 1)
}
set.seed(1)
timed("sign flips", for (y in scored) for (side in 1:2) for (step in steps) add("sign-flip p", flip(round(20 * changes_of(y, side, step[1], step[2])))))

# One model for role and wave with all variances and covariances of a pair's scores free. The residual variance of lmer cannot be told
# from those of the six effects, so its checks are switched off; the fit, the errors and pbkrtest's corrections are those of the model.
cells <- expand.grid(wave = seq_along(waves), side = 1:2)
to_rows <- function(y) {
  rows <- which(!is.na(y), arr.ind = TRUE)
  data.frame(y = y[rows], pair = factor(rows[, 1]), role = factor(rows[, 2]), wave = factor(rows[, 3]),
    cell = factor((rows[, 2] - 1) * length(waves) + rows[, 3], levels = seq_len(nrow(cells))))
}
L_of <- function(weights, wave) { L <- numeric(nrow(cells)); L[cells$wave == wave] <- weights; L[cells$wave == 1] <- -weights; L }
contrasts <- do.call(rbind, lapply(2:last, function(w) rbind(L_of(c(1, 0), w), L_of(c(0, 1), w), L_of(c(0.5, 0.5), w), L_of(c(1, -1), w))))
omnibus <- list(role = rbind(rep(c(1, -1) / length(waves), each = length(waves))),
  wave = contrasts[seq(3, nrow(contrasts), 4), , drop = FALSE], both = contrasts[seq(4, nrow(contrasts), 4), , drop = FALSE])
# bobyqa, because lme4's default search stops short of the maximum on some scales; it takes no longer.
unchecked <- lmerControl(optimizer = "bobyqa", check.nobs.vs.nRE = "ignore", check.nobs.vs.rankZ = "ignore", calc.derivs = FALSE)
rows <- timed("mixed model", lapply(scored, to_rows))
models <- timed("mixed model", lapply(rows, function(d) lme4::lmer(y ~ 0 + cell + (0 + cell | pair), data = d, control = unchecked)))

add("log-likelihoods", sapply(models, logLik))

# Kenward and Roger: the adjusted covariance matrix once for each scale, then each contrast and each test from it.
corrected <- function(model) {
  V <- vcovAdj(model); V0 <- vcov(model); b <- fixef(model)
  each <- apply(contrasts, 1, function(L) {
    estimate <- sum(L * b); se <- sqrt(sum(L * as.vector(V %*% L))); df <- Lb_ddf(L, V0, V)
    c(estimate, se, df, 2 * pt(-abs(estimate / se), df))
  })
  # KRmodcomp would compute the adjusted matrix anew for each test; this is the function that it calls afterwards.
  tests <- sapply(omnibus, function(L) { f <- pbkrtest:::.KR_adjust(V, V0, L, b, 0); c(f$Fstat, f$ddf, f$p.value) })
  list(each = each, tests = tests)
}
for (found in timed("Kenward-Roger", lapply(models, corrected))) {
  add("contrasts", found$each[1, ]); add("standard errors of contrasts", found$each[2, ]); add("df of contrasts", found$each[3, ])
  add("p of contrasts", found$each[4, ]); add("F of tests", found$tests[1, ]); add("df of tests", found$tests[2, ]); add("p of tests", found$tests[3, ])
}

# Contrasts of complete pairs between the first and the last wave.
timed("contrasts of pairs", for (y in scored) {
  d <- na.omit(cbind(changes_of(y, 1), changes_of(y, 2)))
  for (x in list(d[, 1], d[, 2], rowMeans(d), d[, 1] - d[, 2])) { t <- t.test(x); add("changes of pairs", c(t$estimate, t$conf.int)); add("p of pairs", t$p.value) }
})

# Partners: correlations of levels and of changes, actor and partner effects, limits of agreement.
timed("partners", for (y in scored) {
  sides <- c(lapply(seq_along(waves), function(w) y[, , w]), list(cbind(changes_of(y, 1), changes_of(y, 2))))
  for (s in sides) { r <- cor.test(s[, 1], s[, 2]); add("correlations of partners", c(r$estimate, r$conf.int)); add("p of correlations", r$p.value) }
  wide <- as.data.frame(na.omit(cbind(y[, , first], y[, , last]))); names(wide) <- c("x1", "x2", "y1", "y2")
  for (fit in list(lm(y1 ~ x1 + x2, wide), lm(y2 ~ x2 + x1, wide))) {
    s <- coef(summary(fit)); add("actor and partner effects", s[, 1]); add("standard errors of these", s[, 2]); add("p of these", s[, 4])
  }
  for (w in c(first, last)) {
    both <- na.omit(y[, , w]); d <- both[, 1] - both[, 2]; n <- length(d); t <- t.test(d)
    half <- qt(0.975, n - 1) * sd(d) * sqrt(1 / n + qnorm(0.975)^2 / (2 * (n - 1))); limits <- mean(d) + c(-1, 1) * qnorm(0.975) * sd(d)
    add("gaps and limits of agreement", c(t$estimate, t$conf.int, limits, limits[1] + c(-1, 1) * half, limits[2] + c(-1, 1) * half))
  }
})

# Item by item among those who answered at both ends.
timed("items", for (s in scales) for (side in 1:2) {
  at <- function(w) { own <- place[, 2] == side & place[, 3] == w; m <- matrix(NA_real_, length(pairs), length(s)); m[place[own, 1], ] <- as.matrix(long[own, s]); m }
  before <- at(first); after <- at(last); gone <- is.na(before) | is.na(after); before[gone] <- NA; after[gone] <- NA
  add("changes of items", colMeans(after, na.rm = TRUE) - colMeans(before, na.rm = TRUE))
})

# Cohorts: means with the pooled spread, and their unweighted mean.
timed("cohorts", for (y in scored) for (d in list(changes_of(y, 1), changes_of(y, 2), rowMeans(cbind(changes_of(y, 1), changes_of(y, 2))))) {
  fit <- lm(d ~ 0 + cohort, data.frame(d, cohort)); ci <- confint(fit); k <- length(coef(fit)); L <- rep(1 / k, k)
  half <- qt(0.975, df.residual(fit)) * sqrt(sum(L * (vcov(fit) %*% L)))
  add("means of cohorts", coef(fit)); add("intervals of cohorts", t(ci)); add("mean of cohorts", mean(coef(fit)) + c(0, -half, half))
})

# Those who left beside those who stayed at the first wave, and a logistic model of leaving.
timed("dropout", {
  person <- data.frame(lapply(scored, function(y) c(y[, 1, first], y[, 2, first])))
  stayed <- c(sapply(1:2, function(side) Reduce(`|`, lapply(scored, function(y) !is.na(y[, side, last])))))
  role <- rep(roles, each = length(pairs)); pair <- rep(seq_along(pairs), 2)
  known <- rowSums(!is.na(person)) > 0; person <- person[known, ]; left <- !stayed[known]; role <- role[known]; pair <- pair[known]
  kinds <- ave(as.numeric(left), pair, FUN = sum); size <- ave(as.numeric(left), pair, FUN = length)
  g_of <- function(x, gone) {
    a <- x[gone & !is.na(x)]; b <- x[!gone & !is.na(x)]; df <- length(a) + length(b) - 2
    correction(df) * (mean(a) - mean(b)) / sqrt(((length(a) - 1) * var(a) + (length(b) - 1) * var(b)) / df)
  }
  for (chosen in list(rep(TRUE, length(left)), role == "mentee", role == "mentor")) add("g of those who left", sapply(person, function(x) g_of(x[chosen], left[chosen])))
  kind <- ifelse(kinds == 0, 0, ifelse(kinds == size, 2, 1))
  for (number in 1:2) { chosen <- kind %in% c(0, number); add("g by pair", sapply(person, function(x) g_of(x[chosen], kind[chosen] == number))) }
  complete <- complete.cases(person)
  fit <- glm(left ~ ., binomial, data.frame(left = left[complete], scale(person[complete, ]), mentor = role[complete] == "mentor"))
  s <- coef(summary(fit)); add("model of leaving", s[, 1]); add("standard errors of the model of leaving", s[, 2])
})

# Single persons: the index with its p, regressed baselines, labels adjusted over all persons and scales, shrunken changes.
timed("single persons", {
  sem <- SD_REFERENCE * sqrt(1 - RETEST); S <- sqrt(2) * sem; all_p <- list()
  morris <- function(d, error) {
    n <- length(d); B <- min(1, max(0, (n - 3) / (n - 1) * error / var(d)))
    list(B = B, shrunken = mean(d) + (1 - B) * (d - mean(d)), variance = error * (1 - (n - 1) / n * B) + 2 / (n - 3) * B^2 * (d - mean(d))^2)
  }
  for (y in scored) {
    for (side in 1:2) {
      both <- na.omit(cbind(y[, side, first], y[, side, last])); d <- both[, 2] - both[, 1]
      all_p <- c(all_p, list(2 * pnorm(-abs(d / S))))
      expected <- RETEST * (both[, 1] - mean(both[, 1])) + mean(both[, 1]); band <- cbind(expected - qnorm(0.975) * sem, expected + qnorm(0.975) * sem)
      add("changed beyond chance", c(sum(d > qnorm(0.975) * S), sum(d < -qnorm(0.975) * S)))
      add("shrinkage", morris(d, S^2)$B)
    }
    common <- rowMeans(cbind(changes_of(y, 1), changes_of(y, 2))); add("shrinkage", morris(common[!is.na(common)], sem^2)$B)
  }
  adjusted <- p.adjust(unlist(all_p[-(1:2)]), "BH")
})
in_sum <- names(clock)

# Beside: permutations of two halves; sign flips with the same signs for all changes of a scale, and with boot; the model of intercepts alone with Kenward and Roger, or Satterthwaite.
permute <- function(d, own) {
  own <- own[!is.na(d)]; d <- d[!is.na(d)] - mean(d, na.rm = TRUE); k <- sum(own)
  lots <- replicate(N_FLIPS, sum(d[sample.int(length(d), k)]))
  (1 + sum(abs(lots) >= abs(sum(d[own])) - 1e-10)) / (N_FLIPS + 1)
}
timed("permutations of two halves", for (y in scored) for (d in list(changes_of(y, 1), changes_of(y, 2), rowMeans(cbind(changes_of(y, 1), changes_of(y, 2)))))
  add("permutation p", permute(d, cohort %in% c("c1", "c2"))))
timed("sign flips, one matrix a scale", for (y in scored) {
  x <- round(20 * do.call(cbind, lapply(1:2, function(side) sapply(steps, function(step) changes_of(y, side, step[1], step[2]))))); x[is.na(x)] <- 0
  sums <- 2 * ((matrix(runif(N_FLIPS * length(pairs)) < 0.5, N_FLIPS)) %*% x) - rep(colSums(x), each = N_FLIPS)
  (1 + colSums(abs(sums) >= rep(abs(colSums(x)), each = N_FLIPS))) / (N_FLIPS + 1)
})
by_boot <- function(x) {
  x <- x[!is.na(x)]
  drawn <- boot(x, sum, N_FLIPS, sim = "parametric", ran.gen = function(x, mle) x * sample(c(-1, 1), length(x), TRUE))
  (1 + sum(abs(drawn$t) >= abs(drawn$t0))) / (N_FLIPS + 1)
}
timed("sign flips with boot", for (y in scored) for (side in 1:2) for (step in steps) by_boot(round(20 * changes_of(y, side, step[1], step[2]))))
intercepts <- y ~ 0 + cell + (1 | pair) + (1 | pair:role) + (1 | pair:wave)
simple <- timed("model of intercepts", lapply(rows, function(d) lme4::lmer(intercepts, data = d)))
timed("Kenward-Roger of intercepts", lapply(simple, corrected))
timed("model of intercepts with Satterthwaite", for (d in rows) {
  model <- lmerTest::lmer(intercepts, data = d)
  for (i in seq_len(nrow(contrasts))) contest1D(model, contrasts[i, ])
  for (L in omnibus) contestMD(model, L)
})

# The largest resident size of this process, where the system tells it.
peak <- tryCatch(as.numeric(gsub("[^0-9]", "", grep("^VmHWM", readLines("/proc/self/status"), value = TRUE))) / 1024, error = function(e) NA_real_)
result <- list(tool = "R", import_seconds = import_seconds, read_seconds = read_seconds, peak_mb = c(peak, NA)[1],
  parts = clock[in_sum], beside = clock[setdiff(names(clock), in_sum)], figures = figures,
  versions = versions_of(c("lme4", "pbkrtest", "lmerTest", "boot", "Matrix")))
writeLines(as_json(result), arguments[2])
