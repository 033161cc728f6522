# Standardized effects by metafor for effects.json: two independent groups (SMD) and two waves (SMCC), on every data set of pairs or waves.
# Run from this folder:  Rscript effects.R
suppressPackageStartupMessages({library(metafor); library(jsonlite)})
d <- read.csv("sim_dyads_a.csv")
score <- function(x) ifelse(rowSums(!is.na(x)) >= ceiling(2 * ncol(x) / 3), rowMeans(x, na.rm = TRUE), NA)
d$safety <- score(d[, paste0("q0", 1:5)]); d$support <- score(d[, paste0("q0", 6:9)])
w <- read.csv("univbct.csv"); w <- w[!duplicated(w$SUBNUM), ]; long <- read.csv("exlong.csv")
twins <- read.csv("twins_dzos.csv")
smd <- function(a, b) { a <- a[!is.na(a)]; b <- b[!is.na(b)]
  e <- escalc("SMD", m1i = mean(a), sd1i = sd(a), n1i = length(a), m2i = mean(b), sd2i = sd(b), n2i = length(b))
  list(n = c(length(a), length(b)), g = as.numeric(e$yi)) }
smcc <- function(x, y) { k <- !is.na(x) & !is.na(y); x <- x[k]; y <- y[k]
  e <- escalc("SMCC", m1i = mean(y), sd1i = sd(y), m2i = mean(x), sd2i = sd(x), ri = cor(x, y), ni = length(x))
  list(n = length(x), g = as.numeric(e$yi)) }
at <- function(role, wave, name) { x <- d[d$role == role & d$wave == wave, ]; setNames(x[[name]], x$pair)[as.character(sort(unique(d$pair)))] }
out <- list(sim_dyads_a = list(), univbct = list(), exlong = list(), twins_dzos = list())
for (name in c("safety", "support")) {
  for (role in c("mentor", "mentee")) out$sim_dyads_a[[paste(name, role, "change")]] <- smcc(at(role, 0, name), at(role, 2, name))
  out$sim_dyads_a[[paste(name, "roles")]] <- smd(at("mentor", 2, name) - at("mentor", 0, name), at("mentee", 2, name) - at("mentee", 0, name))
}
for (name in c("JOBSAT", "COMMIT", "READY")) {
  out$univbct[[paste(name, "change")]] <- smcc(w[[paste0(name, 1)]], w[[paste0(name, 3)]])
  out$univbct[[paste(name, "groups")]] <- smd(w[w$BTN == 1022, paste0(name, 3)] - w[w$BTN == 1022, paste0(name, 1)],
    w[w$BTN == 4042, paste0(name, 3)] - w[w$BTN == 4042, paste0(name, 1)])
}
mean3 <- function(t) rowMeans(long[, paste0("y", 1:3, "t", t)])
out$exlong[["y change"]] <- smcc(mean3(1), mean3(3))
out$twins_dzos[["height"]] <- smd(twins[["ht1"]], twins[["ht2"]])
cat(toJSON(out, auto_unbox = TRUE, digits = NA, pretty = TRUE), file = "effects.json")
