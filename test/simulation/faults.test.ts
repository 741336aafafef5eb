import { describeSome } from './some-series.js';

describeSome(['an I/O error', 'an I/O error after all was done', 'a full disk', 'a very late answer']);
