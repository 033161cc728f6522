# Reference values for polyserial correlations. Run here:  Rscript polyserial.R
# Correlations are lavaan's (lavCor). Their two-step standard errors come from the scores that lavaan's muthen1984 returns, taken
# before it turns correlations into covariances: A^-1 B A^-1' with A lower block triangular. `se_delta` is the same by another way:
# the delta method of standardizedSolution() on the saturated model (listwise only), which divides by n - 1.
# lavaan leaves out respondents whose joint density is below 1.5e-8, which depends on the unit of the measured variable; therefore
# these are divided by 1000 first, after which it leaves out nobody. `r_as_measured` is what it says without that.
suppressPackageStartupMessages({ library(lavaan); library(jsonlite) })
options(warn = -1)
mat <- function(m) list(rows = I(rownames(m)), cols = I(colnames(m)), values = unname(unclass(as.matrix(m))))

polyserial <- function(d, continuous, ordinal, missing) {
  d <- d[, c(continuous, ordinal)]; if (missing == "listwise") d <- d[complete.cases(d), ]
  raw <- unclass(lavCor(d, ordered = ordinal, missing = missing)); for (v in continuous) d[[v]] <- d[[v]] / 1000
  R <- unclass(lavCor(d, ordered = ordinal, missing = missing))
  X <- d; for (o in ordinal) X[[o]] <- as.integer(factor(d[[o]]))
  levels <- sapply(names(X), function(v) if (v %in% ordinal) max(X[[v]], na.rm = TRUE) else 0L)
  m <- lavaan:::muthen1984(Data = as.matrix(X), ov.names = names(X), ov.types = ifelse(names(X) %in% ordinal, "ordered", "numeric"), ov.levels = levels)
  A <- rbind(cbind(m$A11, matrix(0, nrow(m$A11), ncol(m$A22))), cbind(m$A21, m$A22)); B <- solve(A)
  se <- sqrt(diag(B %*% m$INNER %*% t(B))); se <- tail(se, ncol(m$A22)); S <- matrix(0, ncol(X), ncol(X), dimnames = list(names(X), names(X)))
  S[lower.tri(S)] <- se; S <- S + t(S); n <- crossprod(!is.na(as.matrix(d)))
  out <- list(n = nrow(d), correlations = mat(R[continuous, ordinal, drop = FALSE]), se = mat(S[continuous, ordinal, drop = FALSE]), n_pairs = mat(n[continuous, ordinal, drop = FALSE]))
  if (any(abs(raw - R) > 1e-5)) out$r_as_measured <- mat(raw[continuous, ordinal, drop = FALSE])
  if (missing == "listwise") {
    f <- sem(paste(apply(combn(names(X), 2), 2, paste, collapse = " ~~ "), collapse = "\n"), data = d, ordered = ordinal, estimator = "WLS")
    s <- standardizedSolution(f); D <- matrix(NA, length(continuous), length(ordinal), dimnames = list(continuous, ordinal))
    for (i in continuous) for (j in ordinal) D[i, j] <- s$se[s$op == "~~" & ((s$lhs == i & s$rhs == j) | (s$lhs == j & s$rhs == i))]
    out$se_delta <- mat(D) }
  out
}
bfi <- read.csv("bfi.csv"); hs <- read.csv("holzinger.csv"); hm <- read.csv("holzinger_missing.csv"); uni <- read.csv("univbct.csv"); uni <- uni[uni$TIME == 0, ]
x <- paste0("x", 1:9)
out <- list(
  meta = list(R = as.character(getRversion()), lavaan = as.character(packageVersion("lavaan"))),
  bfi = list(listwise = polyserial(bfi, "age", c(paste0("A", 1:5), "gender", "education"), "listwise"), pairwise = polyserial(bfi, "age", c(paste0("A", 1:5), "gender", "education"), "pairwise")),
  holzinger = list(listwise = polyserial(hs, x, c("ageyr", "sex", "grade"), "listwise")),
  holzinger_missing = list(pairwise = polyserial(hm, x, c("ageyr", "sex", "grade"), "pairwise")),
  univbct = list(listwise = polyserial(uni, c("JOBSAT1", "COMMIT1", "READY1"), c("MARITAL", "GENDER", "EDUCATE"), "listwise")))
write_json(out, "polyserial.json", auto_unbox = TRUE, digits = I(10), na = "null", null = "null")
