"""New posts, projects, demos and portfolios, from the plain files in verifolio/templates."""
