# Reference values for polychoric correlations and the asymptotic covariances of ordinal moments. Run here:  Rscript polychoric.R
# lavaan 0.6-14 (lavCor; gamma of a WLSMV model), mvtnorm (bivariate normal, algorithm TVPACK), psych (cor.smooth).
suppressPackageStartupMessages({ library(lavaan); library(mvtnorm); library(psych); library(jsonlite) })
options(warn = -1)
mat <- function(m) list(rows = I(rownames(m)), cols = I(colnames(m)), values = unname(unclass(as.matrix(m))))

# The moments of the items do not depend on the model; one factor is only the way to ask for them.
moments <- function(d, missing = "listwise") {
  f <- cfa(paste("F =~", paste(names(d), collapse = " + ")), data = d, ordered = names(d), estimator = "WLSMV", missing = missing, do.fit = FALSE)
  g <- unclass(lavInspect(f, "gamma")); n <- lavInspect(f, "nobs"); s <- lavInspect(f, "sampstat")
  list(n = n, statistics = rownames(g), gamma = g, thresholds = as.numeric(s$th), correlations = mat(s$cov), se = unname(sqrt(diag(g) / n)))
}
# All of a small matrix; of a large one the diagonal and three rows.
excerpt <- function(m) { g <- m$gamma; p <- nrow(g); m$gamma <- NULL; m$thresholds <- NULL; m$correlations <- NULL; m$se <- NULL
  if (p <= 60) c(m, list(gamma = unname(g))) else { rows <- c(1, p %/% 2, p); c(m, list(gamma_diagonal = unname(diag(g)), rows = rows, gamma_rows = unname(g[rows, ]))) } }

bfi <- read.csv("bfi.csv"); lq <- read.csv("lq2002.csv"); sim <- read.csv("sim_dyads_a.csv")
keep <- function(d) d[complete.cases(d), ]
lead <- keep(lq[, grep("LEAD|TSIG|HOSTIL", names(lq))])
mentees <- keep(sim[sim$role == "mentee" & sim$wave == 0, sprintf("q%02d", 1:9)])
halved <- as.data.frame(lapply(keep(bfi[, paste0("A", 1:5)]), function(x) as.numeric(x > 4)))
mixed <- keep(bfi[, c("gender", "education", "A1", "A2", "N1")])

grid <- expand.grid(h = c(-3.2, -1, -.25, 0, .7, 2, 5), k = c(-2.5, -.7, 0, .4, 1.5, 4), rho = c(-.999, -.95, -.6, -.1, 0, .3, .8, .97, .9999))
grid$p <- mapply(function(h, k, r) as.numeric(pmvnorm(upper = c(h, k), corr = matrix(c(1, r, r, 1), 2), algorithm = TVPACK(abseps = 1e-14))), grid$h, grid$k, grid$rho)

# One empty cell of four, none of the other diagonal; lavaan moves half a respondent into it.
four <- data.frame(a = rep(c(0, 0, 1, 1), c(30, 12, 0, 25)), b = rep(c(0, 1, 0, 1), c(30, 12, 0, 25)))
four_b <- data.frame(a = four$a, b = 1 - four$b)
contradictory <- matrix(c(1, .9, .1, .9, 1, .9, .1, .9, 1), 3, dimnames = list(letters[1:3], letters[1:3]))

pair_items <- c(paste0("A", 1:5), paste0("N", 1:5))
pw <- moments(bfi[, pair_items], "pairwise"); pw$gamma <- NULL
out <- list(
  meta = list(R = as.character(getRversion()), lavaan = as.character(packageVersion("lavaan")), mvtnorm = as.character(packageVersion("mvtnorm")), psych = as.character(packageVersion("psych"))),
  normal = as.list(grid),
  gamma = list(bfi = excerpt(moments(keep(bfi[, 1:25]))), lq2002 = excerpt(moments(lead)), sim_dyads_a = excerpt(moments(mentees)), bfi_halved = excerpt(moments(halved)), bfi_mixed = excerpt(moments(mixed))),
  pairwise = c(list(items = pair_items), pw),
  fourfold = list(a = four$a, b = four$b, r = lavCor(four, ordered = c("a", "b"))[1, 2], r_b = lavCor(four_b, ordered = c("a", "b"))[1, 2], se = moments(four)$se[3]),
  smoothing = list(before = mat(contradictory), after = mat(cor.smooth(contradictory))))
write_json(out, "polychoric.json", auto_unbox = TRUE, digits = I(15), na = "null", null = "null")
