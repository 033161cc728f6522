# Distributions of CFI, RMSEA and SRMR for populations that a fitted model fits or misses. Run here:  Rscript dynamic.R  (about 10 minutes)
# Populations, misfit and sizes are those of McNeish & Wolf (2022, 2023), written out by hand from the papers' rules and from the
# standardized solutions that the vignette of R's package dynamic prints; only lavaan fits them.
#   three    Holzinger & Swineford's three factors, N = 301: the model; textual =~ .424 x2; and speed's x7 with .570 on textual
#   one      one factor of six items, N = 301: the model; residual correlations of .3 between x3-x2, x1-x6, x5-x4, one after the other
#   ordinal  two factors of three items in four categories, N = 300, WLSMV, scaled CFI and RMSEA: the model; g =~ .5 x3
suppressPackageStartupMessages({library(lavaan); library(MASS); library(jsonlite)})
implied <- function(L, F, pairs = list()) {
  theta <- diag(1 - diag(L %*% F %*% t(L)))
  for (p in pairs) theta[p[1], p[2]] <- theta[p[2], p[1]] <- .3 * sqrt(theta[p[1], p[1]] * theta[p[2], p[2]])
  R <- L %*% F %*% t(L) + theta
  stopifnot(all(abs(diag(R) - 1) < 1e-12)); R
}
describe <- function(x) list(mean = colMeans(x), sd = apply(x, 2, sd),
  q05 = apply(x, 2, quantile, .05), q95 = apply(x, 2, quantile, .95), n = nrow(x))
continuous <- function(R, model, n, reps) {
  dimnames(R) <- list(paste0("x", seq_len(nrow(R))), paste0("x", seq_len(nrow(R))))
  W <- rWishart(reps, n - 1, R) / (n - 1)
  out <- t(sapply(seq_len(reps), function(i) {
    S <- W[, , i]; dimnames(S) <- dimnames(R)
    f <- suppressWarnings(cfa(model, sample.cov = S, sample.nobs = n, se = "none"))
    if (!lavInspect(f, "converged")) return(rep(NA, 3))
    fitMeasures(f, c("cfi", "rmsea", "srmr")) }))
  describe(na.omit(out))
}
ordinal <- function(R, model, n, reps, cuts) {
  k <- nrow(R)
  out <- t(sapply(seq_len(reps), function(i) {
    z <- mvrnorm(n, rep(0, k), R)
    d <- as.data.frame(apply(z, 2, function(v) findInterval(v, cuts) + 1)); names(d) <- paste0("x", 1:k)
    f <- suppressWarnings(cfa(model, d, ordered = names(d), estimator = "WLSMV"))
    if (!lavInspect(f, "converged")) return(rep(NA, 3))
    fitMeasures(f, c("cfi.scaled", "rmsea.scaled", "srmr")) }))
  describe(na.omit(out))
}
set.seed(2023)
L <- matrix(0, 9, 3); L[1:3, 1] <- c(.772, .424, .581); L[4:6, 2] <- c(.852, .855, .838); L[7:9, 3] <- c(.570, .723, .665)
F <- matrix(c(1, .459, .471, .459, 1, .283, .471, .283, 1), 3)
L1 <- L; L1[2, 2] <- .424; L2 <- L1; L2[7, 2] <- .570
m <- "v =~ x1 + x2 + x3\nt =~ x4 + x5 + x6\ns =~ x7 + x8 + x9"
reps <- 500
three <- lapply(list(L, L1, L2), function(l) continuous(implied(l, F), m, 301, reps))
l <- matrix(c(.419, .212, .203, .852, .847, .840)); one <- matrix(1)
levels <- list(list(), list(c(3, 2)), list(c(3, 2), c(1, 6)), list(c(3, 2), c(1, 6), c(5, 4)))
single <- lapply(levels, function(p) continuous(implied(l, one, p), "f =~ x1 + x2 + x3 + x4 + x5 + x6", 301, reps))
L <- matrix(0, 6, 2); L[1:3, 1] <- c(.7, .6, .5); L[4:6, 2] <- c(.8, .7, .6); F <- matrix(c(1, .4, .4, 1), 2)
L1 <- L; L1[3, 2] <- .5
cat_ <- lapply(list(L, L1), function(l) ordinal(implied(l, F), "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6", 300, 200, c(-1, 0, 1)))
writeLines(toJSON(list(three = three, one = single, ordinal = cat_), auto_unbox = TRUE, digits = 8, pretty = TRUE), "dynamic.json")
