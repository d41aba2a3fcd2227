// Hover, focus or tap a number to see the head of its receipt.
// Without this file, or without popovers, a number is a plain link to its receipt.
(() => {
  const cards = document.querySelectorAll(".vf-cards")
  const cardOf = key => document.getElementById("vf-card-" + key.replace(/[^A-Za-z0-9.-]/g, "-"))
  let open = null // {link, card}
  let pointer = "mouse"
  let timer = 0

  function place(link, card) {
    const at = link.getClientRects()[0]
    const { width, height } = card.getBoundingClientRect()
    const left = Math.min(Math.max(12, at.left + at.width / 2 - width / 2), innerWidth - width - 12)
    const below = at.bottom + 8
    const fits = below + height < innerHeight - 8 || at.top < height + 8
    card.style.left = left + "px"
    card.style.top = (fits ? below : at.top - height - 8) + "px"
  }
  // A card serves every number of its key; its words become a link once it is known to where.
  function linkOf(card) {
    const words = card.querySelector(".vf-card-link")
    if (words.href) return words
    const link = document.createElement("a")
    link.className = words.className
    link.textContent = words.textContent
    words.replaceWith(link)
    return link
  }
  function show(link) {
    clearTimeout(timer)
    const card = cardOf(link.dataset.vf)
    if (!card || open?.link === link) return
    hide()
    linkOf(card).href = link.href
    card.showPopover()
    place(link, card)
    link.dataset.open = ""
    link.setAttribute("aria-describedby", card.id)
    open = { link, card }
  }
  function hide() {
    clearTimeout(timer)
    if (!open) return
    const { link, card } = open
    open = null
    delete link.dataset.open
    if (card.matches(":popover-open")) card.hidePopover()
  }
  const later = (what, ms) => {
    clearTimeout(timer)
    timer = setTimeout(what, ms)
  }

  if (cards.length && HTMLElement.prototype.showPopover) {
    cards.forEach(box => { box.hidden = false })
    const number = event => event.target.closest?.("a.vf-num[data-vf]")
    addEventListener("pointerdown", event => { pointer = event.pointerType }, true)
    document.addEventListener("pointerover", event => {
      if (event.pointerType === "touch") return
      const link = number(event)
      if (link) later(() => show(link), open ? 0 : 90)
      else if (event.target.closest?.(".vf-card")) clearTimeout(timer)
      else later(hide, 200)
    })
    document.addEventListener("focusin", event => {
      const link = number(event)
      if (link?.matches(":focus-visible")) show(link)
      else if (!event.target.closest?.(".vf-card")) hide()
    })
    // The first tap opens the card, the second one (or the card's own link) the receipt.
    document.addEventListener("click", event => {
      const link = number(event)
      if (link && pointer === "touch" && open?.link !== link && cardOf(link.dataset.vf)) {
        event.preventDefault()
        show(link)
      }
    })
    document.addEventListener("keydown", event => { if (event.key === "Escape") hide() })
    document.addEventListener("toggle", event => {
      if (event.newState === "closed" && event.target === open?.card) hide()
    }, true)
    // A number that is reached by Tab is scrolled into view first: its card goes with it.
    const follow = () => open?.link.matches(":focus-visible") ? place(open.link, open.card) : hide()
    addEventListener("scroll", follow, { passive: true })
  }
})()
