/** What is wrong with what was typed, next to it; an empty text where nothing is. */
export function showFault(input, error, fault) {
  error.textContent = fault;
  if (fault) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
}
