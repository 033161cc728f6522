# Reference values of Kenward and Roger's tests with all covariances free, for free_covariances.json. Run from this folder:
#   Rscript free_covariances.R
# lmer cannot leave out the residual variance, which cannot be told from those of the cells; with its checks switched off the covariance
# matrix of a pair is the same, and so are pbkrtest's adjusted covariance matrix and degrees of freedom, which use the information's
# generalized inverse. The data miss scores.
suppressPackageStartupMessages({library(lme4); library(pbkrtest); library(jsonlite)})
num <- function(x) unname(as.numeric(x))
d <- read.csv("sim_dyads_a.csv"); items <- sprintf("q%02d", 6:9)
d$y <- rowMeans(d[, items], na.rm = TRUE); d$y[rowSums(!is.na(d[, items])) < 2] <- NA
cells <- expand.grid(wave = 0:2, role = c("mentor", "mentee"))
L_of <- function(mentor, mentee, wave) ifelse(cells$role == "mentor", mentor, mentee) * ((cells$wave == wave) - (cells$wave == 0))
contrasts <- unlist(lapply(1:2, function(w) setNames(list(L_of(1, 0, w), L_of(0, 1, w), L_of(.5, .5, w), L_of(1, -1, w)), paste(w, c("mentor", "mentee", "common", "gap")))), recursive = FALSE)
tests <- list(role = rbind(ifelse(cells$role == "mentor", 1, -1) / 3), wave = rbind(contrasts[["1 common"]], contrasts[["2 common"]]), `role x wave` = rbind(contrasts[["1 gap"]], contrasts[["2 gap"]]))
free <- function(pairs) { x <- d[!is.na(d$y) & d$pair <= pairs, ]; x$cell <- factor(paste(x$role, x$wave), levels = paste(cells$role, cells$wave)); x$pair <- factor(x$pair)
  m <- lmer(y ~ 0 + cell + (0 + cell | pair), x, control = lmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e6, rhoend = 1e-10), check.nobs.vs.nRE = "ignore", check.nobs.vs.rankZ = "ignore", check.conv.singular = "ignore", calc.derivs = FALSE))
  V <- vcovAdj(m); b <- fixef(m)
  each <- lapply(contrasts, function(l) { est <- sum(l * b); se <- sqrt(num(t(l) %*% V %*% l)); df <- num(Lb_ddf(l, vcov(m), V)); list(estimate = est, se = se, df = df, p = 2 * pt(-abs(est / se), df)) })
  omnibus <- lapply(tests, function(l) { k <- KRmodcomp(m, l); list(F = k$stats$Fstat, df_numerator = k$stats$ndf, df = k$stats$ddf, p = k$stats$p.value) })
  list(pairs = pairs, n = nobs(m), logLik = num(logLik(m)), contrasts = each, tests = omnibus) }
out <- list(meta = list(R = as.character(getRversion()), packages = sapply(c("lme4", "pbkrtest"), function(p) as.character(packageVersion(p)), simplify = FALSE)),
  all = free(150), first60 = free(60))
write_json(out, "free_covariances.json", auto_unbox = TRUE, digits = I(10))
