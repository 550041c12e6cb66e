// The way between the pages. The page that is shown is told by its address.

const PLACES = [
  ["/", "Live", "M4 12a8 8 0 0 1 3-6.200M20 12a8 8 0 0 0-3-6.200M4 12a8 8 0 0 0 3 6.200M20 12a8 8 0 0 1-3 6.200M12 12h.010M9 12a3 3 0 1 0 6 0a3 3 0 1 0-6 0"],
  ["/campaigns", "Campaigns", "M4 6h16M4 12h16M4 18h10"],
  ["/calls", "Calls", "M6 4h3l1.500 4-2 1.500a12 12 0 0 0 6 6l1.500-2 4 1.500v3a1.500 1.500 0 0 1-1.500 1.500A15 15 0 0 1 4.500 5.500 1.500 1.500 0 0 1 6 4Z"],
  ["/do-not-call", "Do not call", "M12 3.500a8.500 8.500 0 1 0 0 17a8.500 8.500 0 1 0 0-17M6 6l12 12"],
  ["/health", "Health", "M3 12h4l2.500-6 4.500 12 2.500-6H21"],
  ["/talk", "Talk to it", "M12 15a3.500 3.500 0 0 0 3.500-3.500v-6a3.500 3.500 0 0 0-7 0v6A3.500 3.500 0 0 0 12 15Zm6-3.500a6 6 0 0 1-12 0M12 17.500V21"],
];

/** Fills `nav`; again after the address has changed. */
export function showNav(nav) {
  const here = `/${location.pathname.split("/")[1]}`;
  nav.replaceChildren(...PLACES.map(([href, name, path]) => {
    const link = document.createElement("a");
    link.href = href;
    link.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
    link.append(name);
    if (href === here) link.setAttribute("aria-current", "page");
    return link;
  }));
}
