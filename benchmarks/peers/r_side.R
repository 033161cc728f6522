# The benchmark's parts with R's own packages: psych, lavaan, semTools, GPArotation.
#   Rscript r_side.R DATA.csv PART OUT.json
# Only the analysis is timed, inside this process: a quick part once to warm up and then three times, a slow one (2 s or more) once.
arguments <- commandArgs(trailingOnly = TRUE)
started <- proc.time()[["elapsed"]]
suppressPackageStartupMessages({ library(psych); library(lavaan); library(semTools); library(GPArotation) })
import_seconds <- proc.time()[["elapsed"]] - started
SLOW <- 2; REPEATS <- 3

long <- read.csv(arguments[1])
items <- sprintf("q%02d", 1:30)
scales <- setNames(split(items, rep(1:6, each = 5)), paste0("s", 1:6))
first <- long[long$wave == 0, items]
wide <- reshape(long[, c("pair", "role", "wave", items)], direction = "wide", idvar = c("pair", "role"), timevar = "wave", sep = "_w")
six_factors <- paste(names(scales), "=~", sapply(scales, paste, collapse = " + "), collapse = "\n")

part_a <- function() {
  set.seed(1)
  fits <- lapply(scales, function(s) psych::alpha(first[, s], n.iter = 1000, check.keys = FALSE))
  list(alpha = sapply(fits, function(f) f$total$raw_alpha), "about standard error" = sapply(fits, function(f) sd(f$boot[, "raw_alpha"])))
}

part_b <- function() list(omega = sapply(scales, function(s) {
  fit <- cfa(paste("f =~", paste(s, collapse = " + ")), data = first)
  compRelSEM(fit, obs.var = FALSE)[[1]]
}))

part_c <- function() {
  fit <- lavCor(first, ordered = items, se = "standard", output = "fit")
  p <- parameterEstimates(fit); r <- p[p$op == "~~" & p$lhs != p$rhs, ]; t <- p[p$op == "|", ]
  list(correlations = r$est, thresholds = t$est, "standard errors of correlations" = r$se, "standard errors of thresholds" = t$se)
}

part_d <- function() {
  set.seed(1); pdf(NULL)
  # Resampled sets only, as the others make them: by default it draws normal sets besides, twice as many.
  found <- fa.parallel(first, fm = "minres", fa = "both", n.iter = 100, sim = FALSE, plot = FALSE)
  list(factors = found$nfact, components = found$ncomp)
}

# Factors in the order of the scales and with positive loadings, so that packages can be compared.
arrange <- function(loadings, phi) {
  mean_loading <- sapply(scales, function(s) colMeans(abs(loadings[s, ])))
  order <- apply(mean_loading, 2, which.max)
  loadings <- loadings[, order]; phi <- phi[order, order]; sign <- ifelse(colSums(loadings) < 0, -1, 1)
  list(loadings = as.vector(t(sweep(loadings, 2, sign, "*"))), "factor correlations" = as.vector(t(phi * outer(sign, sign))))
}

part_e <- function() {
  fit <- fa(first, nfactors = 6, fm = "minres", rotate = "oblimin")
  c(arrange(unclass(fit$loadings), fit$Phi), list(communalities = as.vector(fit$communality)))
}

measures <- c("chisq", "df", "cfi", "rmsea", "srmr", "chisq.scaled", "cfi.scaled", "rmsea.scaled")
report_model <- function(fit) {
  m <- as.list(fitMeasures(fit)); p <- parameterEstimates(fit, standardized = TRUE); l <- p[p$op == "=~", ]
  phi <- lavInspect(fit, "std")$psi
  list(chi_square = m$chisq, df = m$df, chi_square_scaled = m$chisq.scaled, cfi = m$cfi, rmsea = m$rmsea, srmr = m$srmr,
    cfi_scaled = m$cfi.scaled, rmsea_scaled = m$rmsea.scaled, "standardized loadings" = l$std.all,
    "standard errors of loadings" = l$se[l$se > 0], "factor correlations" = phi[lower.tri(phi)])
}
part_f <- function() report_model(cfa(six_factors, data = first, estimator = "MLR"))
part_g <- function() report_model(cfa(six_factors, data = first, ordered = items, estimator = "WLSMV"))

steps <- c("loadings", "intercepts", "residuals")
# The longitudinal model of one scale: a factor at each wave, residuals of the same item correlated over all waves.
fit_steps <- function(s, ordinal) {
  equal <- if (ordinal) c("thresholds", steps) else steps
  model <- paste(sapply(0:2, function(w) paste0("f", w, " =~ ", paste0(s, "_w", w, collapse = " + "))), collapse = "\n")
  same <- setNames(lapply(s, function(i) paste0(i, "_w", 0:2)), s)
  lapply(0:length(equal), function(n) {
    options <- list(configural.model = model, data = wide, ID.fac = "std.lv", longFacNames = list(f = c("f0", "f1", "f2")),
      longIndNames = same, auto = "all", long.equal = if (n) equal[1:n] else "", return.fit = FALSE)
    if (ordinal) options <- c(options, list(ordered = unlist(same, use.names = FALSE), parameterization = "theta", ID.cat = "Wu.Estabrook.2016"))
    syntax <- as.character(do.call(measEq.syntax, options))
    if (ordinal) cfa(syntax, data = wide, ordered = options$ordered, parameterization = "theta", estimator = "WLSMV")
    else cfa(syntax, data = wide, meanstructure = TRUE)
  })
}
report_steps <- function(fits, ordinal) {
  m <- sapply(fits, function(f) fitMeasures(f, c("chisq", "df", if (ordinal) c("chisq.scaled", "cfi.scaled") else c("cfi", "rmsea"))))
  tests <- sapply(seq_along(fits)[-1], function(i) {
    l <- if (ordinal) lavTestLRT(fits[[i - 1]], fits[[i]], method = "satorra.2000") else lavTestLRT(fits[[i - 1]], fits[[i]])
    c(l[2, "Chisq diff"], l[2, "Df diff"]) })
  c(list(chi_square = m[1, ], df = m[2, ]),
    if (ordinal) list(chi_square_scaled = m[3, ], cfi_scaled = m[4, ]) else list(cfi = m[3, ], rmsea = m[4, ]),
    list("chi-square differences" = tests[1, ], "df of differences" = tests[2, ]))
}
part_h <- function() {
  reports <- lapply(scales, function(s) report_steps(fit_steps(s, FALSE), FALSE))
  do.call(Map, c(list(c), unname(reports)))
}
part_i <- function() report_steps(fit_steps(scales$s1, TRUE), TRUE)

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "shared.R"))
part <- get(paste0("part_", arguments[2]))
# Elapsed seconds, processor seconds (those of psych's own processes included), and figures.
clock <- function() {
  t <- proc.time(); figures <- suppressMessages(suppressWarnings(invisible(part()))); t <- proc.time() - t
  list(t[["elapsed"]], sum(t[c(1, 2, 4, 5)], na.rm = TRUE), figures)
}
sink(tempfile()); runs <- numeric(0)
outcome <- tryCatch({
  calls <- list(clock())
  if (calls[[1]][[1]] < SLOW) calls <- c(calls, lapply(seq_len(REPEATS), function(i) clock()))
  runs <- sapply(calls, `[[`, 1); processor <- sapply(calls, `[[`, 2); counted <- if (length(runs) > 1) -1 else 1
  list(seconds = median(runs[counted]), cpu_seconds = median(processor[counted]), figures = calls[[1]][[3]])
}, error = function(e) list(error = conditionMessage(e)))
sink()
result <- c(list(tool = "R", part = arguments[2], import_seconds = import_seconds), outcome, list(runs = as.numeric(runs),
  versions = c(versions_of(c("psych", "lavaan", "semTools", "GPArotation")), list(cores = as.character(getOption("mc.cores", 2L))))))
writeLines(as_json(result), arguments[3])
