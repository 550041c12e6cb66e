import { ask } from "/static/api.js";

const form = document.getElementById("login");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const problem = document.getElementById("problem"), token = document.getElementById("token");
  try {
    await ask("POST", "/api/session", { token: token.value });
    location.replace("/");
  } catch (error) {
    problem.textContent = error.message;
    token.select();
  }
});
