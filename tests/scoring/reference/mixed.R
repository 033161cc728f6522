# Reference values of mixed models and change for mixed.json. Run from this folder:  Rscript mixed.R
# lme4 fits the models, pbkrtest and lmerTest give degrees of freedom after Kenward-Roger and Satterthwaite; nlme fits the model with
# all covariances free; lavaan the latent change scores; stats::lm the rest.
suppressPackageStartupMessages({library(lme4); library(lmerTest); library(pbkrtest); library(nlme); library(lavaan); library(jsonlite)})
num <- function(x) unname(as.numeric(x))
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(maxfun = 1e6, rhoend = 1e-10), check.conv.singular = "ignore")
table_of <- function(s) list(term = rownames(s), est = num(s[, 1]), se = num(s[, 2]), df = num(s[, 3]), t = num(s[, 4]), p = num(s[, 5]))
anova_of <- function(a) list(term = rownames(a), num_df = num(a$NumDF), den_df = num(a$DenDF), F = num(a[["F value"]]), p = num(a[["Pr(>F)"]]))
describe <- function(m) { vc <- as.data.frame(VarCorr(m))
  list(formula = paste(deparse(formula(m)), collapse = " "), n = nobs(m), kenward_roger = table_of(coef(summary(m, ddf = "Kenward-Roger"))),
    satterthwaite = table_of(coef(summary(m))), anova_kenward_roger = anova_of(anova(m, ddf = "Kenward-Roger")), anova_satterthwaite = anova_of(anova(m)),
    group = vc$grp, first = vc$var1, second = vc$var2, vcov = num(vc$vcov), logLik = num(logLik(m)), singular = isSingular(m, tol = 1e-5)) }
score_mean <- function(d, items) { m <- rowMeans(d[, items], na.rm = TRUE); m[rowSums(!is.na(d[, items])) < length(items) / 2] <- NA; m }

d <- read.csv("sim_dyads_a.csv"); scales <- list(safety = sprintf("q%02d", 1:5), support = sprintf("q%02d", 6:9))
for (s in names(scales)) d[[s]] <- score_mean(d, scales[[s]])
d$role <- factor(d$role); d$wavef <- factor(d$wave); d$person <- interaction(d$pair, d$role)
out <- list(meta = list(R = as.character(getRversion()), packages = sapply(c("lme4", "lmerTest", "pbkrtest", "nlme", "lavaan"), function(p) as.character(packageVersion(p)), simplify = FALSE)))

# Role x wave with intercepts of pairs and of persons; L are rows of contrasts in R's coding (mentee and wave 0 are the bases).
L <- list(mentee_change_2 = c(0, 0, 0, 1, 0, 0), mentor_change_2 = c(0, 0, 0, 1, 0, 1), common_change_2 = c(0, 0, 0, 1, 0, .5), gap_change_2 = c(0, 0, 0, 0, 0, 1),
  mentee_change_1 = c(0, 0, 1, 0, 0, 0), mentor_change_1 = c(0, 0, 1, 0, 1, 0), common_change_1 = c(0, 0, 1, 0, .5, 0), gap_change_1 = c(0, 0, 0, 0, 1, 0))
dyads <- function(s, pairs) { x <- d[d$pair <= pairs, ]; x$y <- x[[s]]
  m <- lmer(y ~ role * wavef + (1 | pair) + (1 | person), x, control = tight); o <- describe(m)
  o$contrasts <- lapply(L, function(l) { k <- contest1D(m, l, ddf = "Kenward-Roger", confint = TRUE); list(est = k$Estimate, se = k[["Std. Error"]], df = k$df, low = k$lower, high = k$upper, p = k[["Pr(>|t|)"]]) })
  small <- lmer(y ~ role + wavef + (1 | pair) + (1 | person), x, control = tight); k <- KRmodcomp(m, small)
  o$KRmodcomp_interaction <- list(F = k$stats$Fstat, num_df = k$stats$ndf, den_df = k$stats$ddf, scaling = k$stats$F.scaling, p = k$stats$p.value)
  o }
out$dyads <- lapply(setNames(names(scales), names(scales)), function(s) list(all = dyads(s, 150), first22 = dyads(s, 22)))

# Slopes of persons: regular, and singular (perfectly correlated effects).
u <- read.csv("univbct.csv"); u <- u[!is.na(u$JSAT), ]
growth <- function(x) { m <- lmer(JSAT ~ TIME + (1 + TIME | SUBNUM), x, control = tight); o <- describe(m)
  r <- ranef(m, condVar = FALSE)$SUBNUM; o$persons <- as.integer(rownames(r))[1:25]; o$slope <- num(fixef(m)["TIME"] + r[1:25, "TIME"]); o }
people <- sort(unique(u$SUBNUM))
out$growth <- list(all = growth(u))
for (start in seq(1, 400, 20)) { x <- u[u$SUBNUM %in% people[start:(start + 29)], ]; m <- lmer(JSAT ~ TIME + (1 + TIME | SUBNUM), x, control = tight); v <- as.data.frame(VarCorr(m))$vcov
  if (isSingular(m, tol = 1e-5) && v[1] > .01 && v[2] > .001) { out$growth$singular <- growth(x); out$growth$singular$subset <- people[start:(start + 29)]; break } }

# An intercept whose variance is 0: pair labels shuffled over persons.
set.seed(5); for (try in 1:50) { x <- d[d$wave != 1 & d$pair <= 22, ]; x$other <- ((x$pair + ifelse(x$role == "mentor", try, 0)) %% 22) + 1
  x$someone <- interaction(x$other, x$role); m <- lmer(safety ~ role * wavef + (1 | other) + (1 | someone), x, control = tight); if (isSingular(m, tol = 1e-5)) { out$intercept_zero <- describe(m); out$intercept_zero$shift <- try; break } }

# Every variance and covariance of a pair's answers free: role x wave, waves 0 and 2, and all three.
free <- function(s, waves) { x <- d[d$wave %in% waves & !is.na(d[[s]]), ]; x$y <- x[[s]]; x$cell <- factor(paste(x$role, x$wave, sep = ":")); x$place <- as.integer(x$cell); x <- x[order(x$pair, x$place), ]
  g <- gls(y ~ 0 + cell, x, correlation = corSymm(form = ~ place | pair), weights = varIdent(form = ~ 1 | cell), method = "REML", control = glsControl(opt = "optim", maxIter = 500, msMaxIter = 500, tolerance = 1e-10, msTol = 1e-12))
  list(term = levels(x$cell), est = num(coef(g)), se = num(sqrt(diag(vcov(g)))), logLik = num(logLik(g)), n = nrow(x)) }
out$free_covariances <- list(two_waves = free("safety", c(0, 2)), three_waves = free("support", 0:2))

# Comparison adjusted for the score before, and of changes; regression-based change.
e <- read.csv("exlong.csv"); for (t in 1:3) e[[paste0("s", t)]] <- rowMeans(e[, paste0("y", 1:3, "t", t)]); e$sex <- factor(e$sex)
lm_of <- function(f) { s <- summary(f)$coefficients; list(term = rownames(s), est = num(s[, 1]), se = num(s[, 2]), t = num(s[, 3]), p = num(s[, 4]), df = f$df.residual, ci = confint(f)[2, ]) }
out$ancova <- list(levels = levels(e$sex), adjusted = lm_of(lm(s3 ~ sex + s1, e)), change = lm_of(lm(I(s3 - s1) ~ sex, e)), slopes = lm_of(lm(s3 ~ sex * s1, e)))
ref <- e[1:120, ]; new <- e[121:150, ]; f <- lm(s3 ~ s1, ref); pr <- predict(f, new, se.fit = TRUE)
t <- (new$s3 - pr$fit) / sqrt(pr$se.fit^2 + pr$residual.scale^2)
out$regression_based <- list(reference_rows = 120, t = num(t), p = num(2 * pt(-abs(t), f$df.residual)), df = f$df.residual)

# Latent change: one indicator without and with a known error, and three items with equal loadings and intercepts.
out$latent_change <- list()
change <- function(model) { f <- lavaan(model, e, meanstructure = TRUE, int.ov.free = FALSE); p <- parameterEstimates(f); g <- function(l, o, r) { i <- which(p$lhs == l & p$op == o & p$rhs == r); list(est = p$est[i], se = p$se[i], p = p$pvalue[i]) }
  list(mean_change = g("delta", "~1", ""), variance_change = g("delta", "~~", "delta"), covariance = g("before", "~~", "delta"), variance_before = g("before", "~~", "before"), chisq = num(fitMeasures(f, "chisq")), df = num(fitMeasures(f, "df")), n = num(nobs(f))) }
single <- function(e1, e3) sprintf("before =~ 1*s1 \n after =~ 1*s3 \n delta =~ 1*after \n after ~ 1*before \n after ~~ 0*after \n s1 ~~ %.12f*s1 \n s3 ~~ %.12f*s3 \n before ~~ before \n delta ~~ delta \n before ~~ delta \n before ~ 1 \n delta ~ 1", e1, e3)
out$latent_change$single <- change(single(0, 0)); out$latent_change$single_error <- change(single(.25, .25))
out$latent_change$items <- change("before =~ 1*y1t1 + b*y2t1 + c*y3t1 \n after =~ 1*y1t3 + b*y2t3 + c*y3t3 \n delta =~ 1*after \n after ~ 1*before \n after ~~ 0*after \n y1t1 ~~ y1t1 \n y2t1 ~~ y2t1 \n y3t1 ~~ y3t1 \n y1t3 ~~ y1t3 \n y2t3 ~~ y2t3 \n y3t3 ~~ y3t3 \n y1t1 ~~ y1t3 \n y2t1 ~~ y2t3 \n y3t1 ~~ y3t3 \n y1t1 ~ 0*1 \n y1t3 ~ 0*1 \n y2t1 ~ i2*1 \n y2t3 ~ i2*1 \n y3t1 ~ i3*1 \n y3t3 ~ i3*1 \n before ~~ before \n delta ~~ delta \n before ~~ delta \n before ~ 1 \n delta ~ 1")
write_json(out, "mixed.json", auto_unbox = TRUE, digits = I(10), na = "null", null = "null")
