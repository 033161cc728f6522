# Reference values for factor scores. Run here:  Rscript factor_scores.R
# lavaan's lavPredict on three-factor models of holzinger: regression and Bartlett scores, and the relation of regression scores to
# their factors by the model (determinacy), which lavaan does not print: the root of diag(Phi L' S^-1 L Phi) over diag(Phi).
suppressPackageStartupMessages({ library(lavaan); library(jsonlite) })
options(warn = -1)
mat <- function(m) { m <- unclass(as.matrix(m)); list(cols = I(colnames(m)), values = unname(matrix(as.numeric(m), nrow(m)))) }
first <- 20
scores <- function(f, rows = seq_len(first)) lapply(c(regression = "regression", bartlett = "Bartlett"), function(m) { s <- lavPredict(f, method = m)
  if (is.list(s)) lapply(s, function(g) mat(g[rows, , drop = FALSE])) else mat(s[rows, , drop = FALSE]) })
determinacy <- function(f) { e <- lavInspect(f, "est"); S <- e$lambda %*% e$psi %*% t(e$lambda) + e$theta
  as.list(sqrt(diag(e$psi %*% t(e$lambda) %*% solve(S) %*% e$lambda %*% e$psi) / diag(e$psi))) }
hs <- read.csv("holzinger.csv"); hm <- read.csv("holzinger_missing.csv")
model <- "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
ml <- cfa(model, data = hs); lv <- cfa(model, data = hs, std.lv = TRUE, meanstructure = TRUE); one <- cfa("g =~ x4 + x5 + x6", data = hs)
fiml <- cfa(model, data = hm, missing = "fiml"); school <- cfa(model, data = hs, group = "school", group.equal = c("loadings", "intercepts"))
out <- list(
  meta = list(R = as.character(getRversion()), lavaan = as.character(packageVersion("lavaan"))), model = model, rows = first,
  ml = c(scores(ml), list(determinacy = determinacy(ml))), unit_variance = scores(lv), one_factor = c(scores(one), list(determinacy = determinacy(one))),
  fiml = scores(fiml), school_scalar = c(scores(school), list(labels = lavInspect(school, "group.label"))))
write_json(out, "factor_scores.json", auto_unbox = TRUE, digits = I(10), na = "null", null = "null")
