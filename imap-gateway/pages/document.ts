/** The HTML of both pages: all the rest is in their modules. */

/** @param modules paths, the one that begins first. @param folder where style and icon are. */
export function documentOf(modules: readonly string[], folder: string): string {
  const preloads = modules.slice(1).map((path) => `<link rel="modulepreload" href="${path}">`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Peerpost</title>
<link rel="icon" type="image/svg+xml" href="${folder}/icon.svg">
<link rel="stylesheet" href="${folder}/style.css">
<script type="module" src="${modules[0]}"></script>
${preloads.join('\n')}
</head>
<body>
<div id="page"></div>
<noscript><main class="door"><h1>Peerpost</h1><p>This page needs JavaScript. Mail programs work without it.</p></main></noscript>
</body>
</html>
`;
}
