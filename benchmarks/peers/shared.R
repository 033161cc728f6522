# What both of R's sides share: versions, and a small writer, so that no package is needed for it.
version_of <- function(package) tryCatch(as.character(packageVersion(package)), error = function(e) "missing")
versions_of <- function(packages) c(list(R = paste(R.version$major, R.version$minor, sep = ".")),
  sapply(packages, version_of, simplify = FALSE), list(BLAS = basename(extSoftVersion()[["BLAS"]])))
quote_text <- function(x) paste0('"', gsub('"', "'", gsub("[\\\\\n]", " ", x)), '"')
as_json <- function(x) {
  if (is.list(x)) paste0("{", paste(quote_text(names(x)), sapply(x, as_json), sep = ": ", collapse = ", "), "}")
  else if (is.character(x)) quote_text(x[1])
  else paste0("[", paste(ifelse(is.finite(x), format(as.vector(x), digits = 12, trim = TRUE), "null"), collapse = ", "), "]")
}
