// A function that cannot be loaded.
console.log("start");
throw new Error("cannot start");
