"""The Higgs boson in four leptons: the 278 candidates of CMS from 2011 and 2012, one by one."""
