# Reference values of ordinal regression and of item bias for dif.json. Run from this folder:  Rscript dif.R
# MASS::polr fits the models, OpenMx with rpf the graded response model; tests, R2 and purification are written from the
# formulas named beside them.
suppressPackageStartupMessages({library(MASS); library(jsonlite); library(OpenMx); library(rpf)})
fit <- function(formula, data) {
  # polr's own start is improved by a second run from its result, so that estimates are good to more digits.
  f <- polr(formula, data = data, Hess = TRUE, control = list(reltol = 1e-14, maxit = 5000))
  polr(formula, data = data, Hess = TRUE, start = c(coef(f), f$zeta), control = list(reltol = 1e-16, maxit = 5000))
}
nagelkerke <- function(l, l0, n) (1 - exp(2 * (l0 - l) / n)) / (1 - exp(2 * l0 / n))
null <- function(y) { n <- table(droplevels(factor(y))); sum(n * log(n / sum(n))) }
describe <- function(f, y) { l <- as.numeric(logLik(f)); l0 <- null(y); n <- length(y)
  list(logLik = l, coefficients = as.list(coef(f)), thresholds = as.list(f$zeta), se = as.list(sqrt(diag(vcov(f)))),
    nagelkerke = nagelkerke(l, l0, n), cox_snell = 1 - exp(2 * (l0 - l) / n), mcfadden = 1 - l / l0, n = n) }

# One item: M1 (rest score), M2 (+ group), M3 (+ group x rest score); group 1 is the second label.
item_bias <- function(d, item, matching, g) {
  x <- data.frame(y = factor(d[[item]], ordered = TRUE), rest = rowSums(d[setdiff(matching, item)]), g = g)
  m <- list(fit(y ~ rest, x), fit(y ~ rest + g, x), fit(y ~ rest + g + rest:g, x))
  l <- sapply(m, function(f) as.numeric(logLik(f))); l0 <- null(x$y); r <- nagelkerke(l, l0, nrow(x)); k <- length(coef(m[[2]])) - 1
  list(logLik = l, nagelkerke = r, chi2 = list(total = 2 * (l[3] - l[1]), uniform = 2 * (l[2] - l[1]), nonuniform = 2 * (l[3] - l[2])),
    df = list(total = 2 * k, uniform = k, nonuniform = k), log_odds = as.list(coef(m[[2]])[-1]), se = as.list(sqrt(diag(vcov(m[[2]])))[names(coef(m[[2]]))[-1]]))
}
scale_bias <- function(d, items, g, rounds = 10) {
  d <- d[complete.cases(d[items]) & !is.na(g), ]
  flagged <- character(0); first <- NULL
  for (round in seq_len(rounds)) {
    r <- setNames(lapply(items, function(i) item_bias(d, i, setdiff(items, flagged), d$g)), items)
    p <- sapply(r, function(i) pchisq(i$chi2[["total"]], i$df[["total"]], lower.tail = FALSE)); holm <- p.adjust(p, "holm")
    change <- sapply(r, function(i) i$nagelkerke[3] - i$nagelkerke[1])
    if (is.null(first)) first <- list(items = r, p = as.list(p), holm = as.list(holm))
    now <- items[holm < .01 & change >= .035]
    if (setequal(now, flagged)) break
    flagged <- now
  }
  list(n = nrow(d), sizes = as.list(table(d$g)), first = first, last = list(items = r, p = as.list(p), holm = as.list(holm)), rounds = round, flagged = I(flagged))
}

# Graded response model with a standard normal trait on 49 points from -6 to 6; rpf's intercepts are our thresholds' opposites.
graded <- function(d, codes) {
  d <- d[complete.cases(d), ]; items <- names(d); w <- length(codes); for (i in items) d[[i]] <- mxFactor(d[[i]], levels = codes)
  spec <- lapply(items, function(i) rpf.grm(outcomes = w)); names(spec) <- items
  start <- rbind(rep(1, length(items)), matrix(seq(2, -2, length = w - 1), w - 1, length(items)))
  item <- mxMatrix(name = "item", values = start, free = TRUE, dimnames = list(c("a", paste0("b", seq_len(w - 1))), items))
  m <- mxModel("graded", item, mxData(d, type = "raw"), mxExpectationBA81(spec, qpoints = 49, qwidth = 6), mxFitFunctionML(),
    mxComputeEM("expectation", "scores", mxComputeNewtonRaphson(tolerance = 1e-10), tolerance = 1e-10, maxIter = 2000L))
  f <- mxRun(m, silent = TRUE); v <- f$item$values
  s <- EAPscores(list(spec = spec, param = v, mean = 0, cov = matrix(1), data = d, qpoints = 49L, qwidth = 6))
  list(n = nrow(d), deviance = f$output$fit, slopes = as.list(v[1, ]), thresholds = lapply(as.data.frame(-v[-1, ]), identity), first_traits = s[1:25, 1])
}

bfi <- read.csv("bfi.csv"); lq <- read.csv("lq2002.csv")
agree <- paste0("A", 1:5); bfi$A1 <- 7 - bfi$A1; open <- paste0("O", 1:5); bfi$O2 <- 7 - bfi$O2; bfi$O5 <- 7 - bfi$O5
bfi$g <- factor(bfi$gender); bfi$e <- factor(ifelse(bfi$education <= 2, "a", ifelse(bfi$education == 3, "b", "c")))
both <- bfi[complete.cases(bfi[c(agree, "gender", "age")]), ]; both$y <- factor(both$A2, ordered = TRUE)
lq$y <- factor(lq$HOSTIL03, ordered = TRUE); lq$two <- factor(lq$LEAD02 > 3, ordered = TRUE)
edu <- bfi; edu$g <- bfi$e
# An item planted against the second group: two of its boundaries lie further up there.
planted <- bfi; raised <- which(planted$g == 2 & planted$A4 >= 4); planted$A4[raised] <- planted$A4[raised] - 1
out <- list(
  meta = list(R = paste(R.version$major, R.version$minor, sep = "."), MASS = as.character(packageVersion("MASS")), OpenMx = as.character(packageVersion("OpenMx")), rpf = as.character(packageVersion("rpf"))),
  regression = list(
    bfi_A2 = describe(fit(y ~ A3 + age + gender, both), both$y),
    lq2002_HOSTIL03 = describe(fit(y ~ HOSTIL01 + LEAD01, lq), lq$y),
    lq2002_two_categories = { b <- glm(LEAD02 > 3 ~ LEAD01 + TSIG01, binomial, lq, control = glm.control(epsilon = 1e-14)); list(logLik = as.numeric(logLik(b)), coefficients = as.list(coef(b)), se = as.list(sqrt(diag(vcov(b)))), n = nrow(lq)) }),
  graded = list(bfi_agree = graded(bfi[agree], 1:6), lq2002_HOSTIL = graded(lq[paste0("HOSTIL0", 1:5)], 0:4)),
  bias = list(agree_by_gender = scale_bias(bfi, agree, bfi$g), open_by_gender = scale_bias(bfi, open, bfi$g),
    agree_by_education = scale_bias(edu, agree, edu$g), planted_A4_by_gender = scale_bias(planted, agree, planted$g)))
write_json(out, "dif.json", auto_unbox = TRUE, digits = I(10), pretty = TRUE)
