// viser's hotkeys are letters, and its camera takes the arrow keys: here they drive the robot.
addEventListener("keydown", (event) => {
  const letter = { ArrowLeft: "J", ArrowRight: "L", ArrowDown: "K", ArrowUp: "I" }[event.key];
  const typing = event.target.closest && event.target.closest("input, textarea, [role=slider], [role=tab]");
  if (!letter || typing || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const asked = { key: letter.toLowerCase(), code: "Key" + letter, bubbles: true, cancelable: true };
  document.documentElement.dispatchEvent(new KeyboardEvent("keydown", asked));
}, true);
