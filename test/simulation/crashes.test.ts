import { describeSome } from './some-series.js';

describeSome(['a kill', 'a power cut', 'no answer ever']);
