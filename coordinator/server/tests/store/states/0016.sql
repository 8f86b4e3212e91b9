PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE schema_version (version bigint primary key, applied text not null, oldest bigint);
INSERT INTO schema_version VALUES(1,'2026-11-28T20:41:35.812Z',NULL);
INSERT INTO schema_version VALUES(2,'2026-11-28T20:41:35.815Z',NULL);
INSERT INTO schema_version VALUES(3,'2026-11-28T20:41:35.815Z',NULL);
INSERT INTO schema_version VALUES(4,'2026-11-28T20:41:35.816Z',NULL);
INSERT INTO schema_version VALUES(5,'2026-11-28T20:41:35.817Z',NULL);
INSERT INTO schema_version VALUES(6,'2026-11-28T20:41:35.823Z',NULL);
INSERT INTO schema_version VALUES(7,'2026-11-28T20:41:35.824Z',NULL);
INSERT INTO schema_version VALUES(8,'2026-11-28T20:41:35.825Z',NULL);
INSERT INTO schema_version VALUES(9,'2026-11-28T20:41:35.825Z',NULL);
INSERT INTO schema_version VALUES(10,'2026-11-28T20:41:35.825Z',NULL);
INSERT INTO schema_version VALUES(11,'2026-11-28T20:41:35.828Z',NULL);
INSERT INTO schema_version VALUES(12,'2026-11-28T20:41:35.829Z',NULL);
INSERT INTO schema_version VALUES(13,'2026-11-28T20:41:35.829Z',NULL);
INSERT INTO schema_version VALUES(14,'2026-11-29T09:49:45.947Z',NULL);
INSERT INTO schema_version VALUES(15,'2026-11-29T09:49:45.949Z',NULL);
INSERT INTO schema_version VALUES(16,'2026-11-29T09:49:45.954Z',16);
CREATE TABLE leader (
  id integer primary key check (id = 1),
  epoch integer not null
);
INSERT INTO leader VALUES(1,3);
CREATE TABLE sweeps (
  id integer primary key,
  name text not null unique,
  source text not null,
  state text not null check (state in ('active', 'paused', 'stopped', 'cancelled')),
  created text not null,
  changed text not null
, decides boolean not null default false, keep text not null default 'all');
INSERT INTO sweeps VALUES(1,'first',replace('name = "first"\nseeds = "1..=2"\nmodel = { name = "mnist_lenet_300_100" }\ndata  = { set = "mnist" }\ntrain = { steps = "60it", batch = 60, optimizer = "adam", lr = 1.2e-3, eval_every = "20it" }\nprune = { scope = "per_layer", rate = 0.2, rounds = 2, rewind = "20it" }\n[branch]\nreinit = { rounds = "1..=2", copies = 1 }\n','\n',char(10)),'active','2026-11-28T20:41:35.912Z','2026-11-28T20:41:35.912Z',0,'all');
INSERT INTO sweeps VALUES(2,'second',replace('name = "second"\nseeds = "3..=4"\nmodel = { name = "mnist_lenet_300_100" }\ndata  = { set = "mnist" }\ntrain = { steps = "60it", batch = 60, optimizer = "adam", lr = 1.2e-3, eval_every = "20it" }\nprune = { scope = "per_layer", rate = 0.2, rounds = 3, rewind = "20it" }\n[branch]\nreinit = { rounds = "1..=2", copies = 1 }\n','\n',char(10)),'active','2026-11-28T20:42:05.826Z','2026-11-28T20:42:05.826Z',0,'all');
CREATE TABLE trials (
  id integer primary key,
  sweep integer not null references sweeps (id),
  number integer not null,
  key text not null,
  seed integer not null,
  repeat integer not null,
  settings_key text not null,      -- the axes without seed and repeat: trials that differ in noise only share it
  axes text not null,
  settings text not null,
  total integer,                    -- all convolution and linear weights of the network
  prunable integer,                 -- those of them the prune rule may cut
  unique (sweep, number),
  unique (sweep, key)
);
INSERT INTO trials VALUES(1,1,1,'seed=1',1,0,'','{}','{"recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"steps":"60it","prune":{"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"rounds":2,"rewind":"20it"}}',266200,266200);
INSERT INTO trials VALUES(2,1,2,'seed=2',2,0,'','{}','{"recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"steps":"60it","prune":{"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"rounds":2,"rewind":"20it"}}',266200,266200);
INSERT INTO trials VALUES(3,2,1,'seed=3',3,0,'','{}','{"recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"steps":"60it","prune":{"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"rounds":3,"rewind":"20it"}}',266200,266200);
INSERT INTO trials VALUES(4,2,2,'seed=4',4,0,'','{}','{"recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"steps":"60it","prune":{"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"rounds":3,"rewind":"20it"}}',266200,266200);
CREATE TABLE jobs (
  id integer primary key,
  fingerprint text not null unique,
  state text not null check (state in ('open', 'leased', 'done', 'failed', 'quarantined', 'unwanted')),
  attempt integer not null,         -- the fencing token: last attempt number given out
  tries integer not null,
  losses integer not null,
  height integer not null,
  lease integer                     -- while leased
);
INSERT INTO jobs VALUES(1,'270ddc8d662589c6f6901640d0363b6e0d93016205c1303e28663044959199ba','done',1,0,0,160,NULL);
INSERT INTO jobs VALUES(2,'69f6ec1cd06746eb03ef1ec6bc541ebf6ca7ac7e1f81db48e157e1eee762d685','done',1,0,0,140,NULL);
INSERT INTO jobs VALUES(3,'6e67b8ba8ad721b27c7ef183d020475e6763426b8380af1c88697897976349b0','done',1,0,0,100,NULL);
INSERT INTO jobs VALUES(4,'20f6580a51eac4373c516666cead16b1d45736f725150582cfb27bb65ea79678','done',1,0,0,100,NULL);
INSERT INTO jobs VALUES(5,'7ee60f7fee14e73d021133c80991b90cbbf7df888934b5daefca24dd2edc0e71','done',1,0,0,60,NULL);
INSERT INTO jobs VALUES(6,'4f69861c2196ef7a24259fc6fb2d2f51301c33181439001aa556e6244bc85fc0','done',1,0,0,40,NULL);
INSERT INTO jobs VALUES(7,'3115ca4a7093b7093ca76f9fcd7c408c1f3deb4687ee09f758a0198f023e95db','done',1,0,0,160,NULL);
INSERT INTO jobs VALUES(8,'193519c101ab30019288d239ad18b6cf1167db91655540dfdc7fcc99595e0d9b','done',1,0,0,140,NULL);
INSERT INTO jobs VALUES(9,'6e3fcd7b31558af2c22926175ee131e5ec421ba8c220a098ee833d70977ce827','done',1,0,0,100,NULL);
INSERT INTO jobs VALUES(10,'a9ce8fc120b8f1b82f91ac77f6448bb27fd7a65e6fd57471a9336a8d904a3b59','done',1,0,0,100,NULL);
INSERT INTO jobs VALUES(11,'4527afe6d80364c246677c4f1e4f4978c5b307757ff80a30d75f3e08e75a2603','done',1,0,0,60,NULL);
INSERT INTO jobs VALUES(12,'3ddd7182b0d9af87c0e8e30836dc3db299fd366e6751fbb41c2ef742b770f79e','done',1,0,0,40,NULL);
INSERT INTO jobs VALUES(13,'608891377d681b2406c48defb0aa6066f21d5d03e4ea5fff33f425446aa51901','done',1,0,0,60,NULL);
INSERT INTO jobs VALUES(14,'b9f355c54e8ba880af7b3857ce45938f6bb47be58de9cc714d4202d1ed02f361','done',1,0,0,60,NULL);
INSERT INTO jobs VALUES(15,'cc26a27789b027729270fb4aba409e64d581e4bcc5803ebab202e837ce9f3313','done',1,0,0,60,NULL);
INSERT INTO jobs VALUES(16,'2b8dccec3241bb932f7badb3ee90347e2a5d97793f7323338571a3cbb433cf3e','done',1,0,0,60,NULL);
INSERT INTO jobs VALUES(17,'54bdb00ac773004b25d2d6f512205008d854e46d94e25f072b4bfb92bc5c0a97','done',1,0,0,180,NULL);
INSERT INTO jobs VALUES(18,'d581c65abed5fbd7dc9261be884688e22d806ff6680057b00fcbdc54b42add5e','done',1,0,0,160,NULL);
INSERT INTO jobs VALUES(19,'2596c9cc77d5cf743fe67c26f6451cab3c1cca0713d111ee80fa57b1c551b6f4','done',1,0,0,120,NULL);
INSERT INTO jobs VALUES(20,'921694e4507ce7eeea716d4826343a635c560fe7226b4278f3ab85cbe0bf7583','done',1,0,0,120,NULL);
INSERT INTO jobs VALUES(21,'8887b2fff1384b2af6b4d0674d9452ec6731f7c296a7510b5a65f6f549c59071','done',1,0,0,80,NULL);
INSERT INTO jobs VALUES(22,'c73f23ee35f1508ecca9d51dfb51fd8274139ded0042d02047eae3db097f3a74','done',1,0,0,80,NULL);
INSERT INTO jobs VALUES(23,'d4b3776091ce444c64acf550a3a240e53ef75c47bdcf1262331ee9380ed0bcec','leased',1,0,0,40,16);
INSERT INTO jobs VALUES(24,'3bb4688809946463b054f1ac006042c729134990b9d78e301591023e57909340','leased',1,0,0,40,16);
INSERT INTO jobs VALUES(25,'7aeca22e8af65b54504eb785443983f947eefe1a553fecfdde9af407d6f3a924','done',2,0,0,180,NULL);
INSERT INTO jobs VALUES(26,'dd5f5f5b373331ee1001ad7f138f50d9e3ebde47425ce43422946b42a5b990d7','done',2,0,0,160,NULL);
INSERT INTO jobs VALUES(27,'9b6022f6c7968da06bd28385390bd4147a2a10f520aa892c169df94f1413fb15','leased',1,0,0,120,15);
INSERT INTO jobs VALUES(28,'09966e0d82b0b6478a42bf53dcbb876b35d1ab25c13591c7127acc2059d7d4bf','leased',1,0,0,120,15);
INSERT INTO jobs VALUES(29,'2caaa69146b0783d5919276233d6f34965408326f61a93e7219dfa0b5d96ef89','leased',1,0,0,80,15);
INSERT INTO jobs VALUES(30,'4262bd189b45550c090a86336e7ac9aae77c885311bfcc7702af4d2f5c5a865a','leased',1,0,0,80,15);
INSERT INTO jobs VALUES(31,'b3bc1b80cfc5a5d19f23ad7b322e136b750a97017b1d4288172e29ec4f7a1a74','open',0,0,0,40,NULL);
INSERT INTO jobs VALUES(32,'fdd855428682e02a9d79b3bfbf278070c1061f558568eb76d3f961814fb2fb7a','open',0,0,0,40,NULL);
INSERT INTO jobs VALUES(33,'d655c0faa5944d2dd74f48dade9c18fac2b09c75a96310765407d005605a484f','leased',1,0,0,60,13);
INSERT INTO jobs VALUES(34,'0116a6743b8a00414fcd26833a09c462c6ca8884057a667b1c8a2a5d05a9cca0','leased',1,0,0,60,14);
INSERT INTO jobs VALUES(35,'f2c38a9bcd876e2b268696fc3293a2e5513aaddd87853d5162e260bc15aaf455','open',0,0,0,60,NULL);
INSERT INTO jobs VALUES(36,'d84a8109a1e6fc15c853b7987d07f5d99c6ba23ba82568c6457e54581daa2f53','open',0,0,0,60,NULL);
CREATE TABLE job_specs (
  job integer primary key references jobs (id),
  kind text not null,
  spec text not null,
  iterations integer not null,      -- that this job trains; 0 for masks
  last_iteration integer            -- of the schedule, where the segment ends; null for masks
);
INSERT INTO job_specs VALUES(1,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":1,"branch":"","copy":0,"round":0}},"mask":null,"order":{"seed":1,"branch":"","copy":0,"round":0},"from":"0it","to":"20it","keep_state":true}',20,20);
INSERT INTO job_specs VALUES(2,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"continue":"270ddc8d662589c6f6901640d0363b6e0d93016205c1303e28663044959199ba"},"mask":null,"order":{"seed":1,"branch":"","copy":0,"round":0},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(3,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"69f6ec1cd06746eb03ef1ec6bc541ebf6ca7ac7e1f81db48e157e1eee762d685","mask":null,"ties":{"seed":1,"branch":"","copy":0,"round":1}}',0,NULL);
INSERT INTO job_specs VALUES(4,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"270ddc8d662589c6f6901640d0363b6e0d93016205c1303e28663044959199ba"},"mask":{"job":"6e67b8ba8ad721b27c7ef183d020475e6763426b8380af1c88697897976349b0","output":"mask"},"order":{"seed":1,"branch":"","copy":0,"round":1},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(5,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"20f6580a51eac4373c516666cead16b1d45736f725150582cfb27bb65ea79678","mask":{"job":"6e67b8ba8ad721b27c7ef183d020475e6763426b8380af1c88697897976349b0","output":"mask"},"ties":{"seed":1,"branch":"","copy":0,"round":2}}',0,NULL);
INSERT INTO job_specs VALUES(6,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"270ddc8d662589c6f6901640d0363b6e0d93016205c1303e28663044959199ba"},"mask":{"job":"7ee60f7fee14e73d021133c80991b90cbbf7df888934b5daefca24dd2edc0e71","output":"mask"},"order":{"seed":1,"branch":"","copy":0,"round":2},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(7,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":2,"branch":"","copy":0,"round":0}},"mask":null,"order":{"seed":2,"branch":"","copy":0,"round":0},"from":"0it","to":"20it","keep_state":true}',20,20);
INSERT INTO job_specs VALUES(8,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"continue":"3115ca4a7093b7093ca76f9fcd7c408c1f3deb4687ee09f758a0198f023e95db"},"mask":null,"order":{"seed":2,"branch":"","copy":0,"round":0},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(9,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"193519c101ab30019288d239ad18b6cf1167db91655540dfdc7fcc99595e0d9b","mask":null,"ties":{"seed":2,"branch":"","copy":0,"round":1}}',0,NULL);
INSERT INTO job_specs VALUES(10,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"3115ca4a7093b7093ca76f9fcd7c408c1f3deb4687ee09f758a0198f023e95db"},"mask":{"job":"6e3fcd7b31558af2c22926175ee131e5ec421ba8c220a098ee833d70977ce827","output":"mask"},"order":{"seed":2,"branch":"","copy":0,"round":1},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(11,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"a9ce8fc120b8f1b82f91ac77f6448bb27fd7a65e6fd57471a9336a8d904a3b59","mask":{"job":"6e3fcd7b31558af2c22926175ee131e5ec421ba8c220a098ee833d70977ce827","output":"mask"},"ties":{"seed":2,"branch":"","copy":0,"round":2}}',0,NULL);
INSERT INTO job_specs VALUES(12,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"3115ca4a7093b7093ca76f9fcd7c408c1f3deb4687ee09f758a0198f023e95db"},"mask":{"job":"4527afe6d80364c246677c4f1e4f4978c5b307757ff80a30d75f3e08e75a2603","output":"mask"},"order":{"seed":2,"branch":"","copy":0,"round":2},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(13,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":1,"branch":"reinit","copy":0,"round":1}},"mask":{"job":"6e67b8ba8ad721b27c7ef183d020475e6763426b8380af1c88697897976349b0","output":"mask"},"order":{"seed":1,"branch":"reinit","copy":0,"round":1},"from":"0it","to":"60it","keep_state":false}',60,60);
INSERT INTO job_specs VALUES(14,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":1,"branch":"reinit","copy":0,"round":2}},"mask":{"job":"7ee60f7fee14e73d021133c80991b90cbbf7df888934b5daefca24dd2edc0e71","output":"mask"},"order":{"seed":1,"branch":"reinit","copy":0,"round":2},"from":"0it","to":"60it","keep_state":false}',60,60);
INSERT INTO job_specs VALUES(15,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":2,"branch":"reinit","copy":0,"round":1}},"mask":{"job":"6e3fcd7b31558af2c22926175ee131e5ec421ba8c220a098ee833d70977ce827","output":"mask"},"order":{"seed":2,"branch":"reinit","copy":0,"round":1},"from":"0it","to":"60it","keep_state":false}',60,60);
INSERT INTO job_specs VALUES(16,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":2,"branch":"reinit","copy":0,"round":2}},"mask":{"job":"4527afe6d80364c246677c4f1e4f4978c5b307757ff80a30d75f3e08e75a2603","output":"mask"},"order":{"seed":2,"branch":"reinit","copy":0,"round":2},"from":"0it","to":"60it","keep_state":false}',60,60);
INSERT INTO job_specs VALUES(17,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":3,"branch":"","copy":0,"round":0}},"mask":null,"order":{"seed":3,"branch":"","copy":0,"round":0},"from":"0it","to":"20it","keep_state":true}',20,20);
INSERT INTO job_specs VALUES(18,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"continue":"54bdb00ac773004b25d2d6f512205008d854e46d94e25f072b4bfb92bc5c0a97"},"mask":null,"order":{"seed":3,"branch":"","copy":0,"round":0},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(19,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"d581c65abed5fbd7dc9261be884688e22d806ff6680057b00fcbdc54b42add5e","mask":null,"ties":{"seed":3,"branch":"","copy":0,"round":1}}',0,NULL);
INSERT INTO job_specs VALUES(20,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"54bdb00ac773004b25d2d6f512205008d854e46d94e25f072b4bfb92bc5c0a97"},"mask":{"job":"2596c9cc77d5cf743fe67c26f6451cab3c1cca0713d111ee80fa57b1c551b6f4","output":"mask"},"order":{"seed":3,"branch":"","copy":0,"round":1},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(21,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"921694e4507ce7eeea716d4826343a635c560fe7226b4278f3ab85cbe0bf7583","mask":{"job":"2596c9cc77d5cf743fe67c26f6451cab3c1cca0713d111ee80fa57b1c551b6f4","output":"mask"},"ties":{"seed":3,"branch":"","copy":0,"round":2}}',0,NULL);
INSERT INTO job_specs VALUES(22,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"54bdb00ac773004b25d2d6f512205008d854e46d94e25f072b4bfb92bc5c0a97"},"mask":{"job":"8887b2fff1384b2af6b4d0674d9452ec6731f7c296a7510b5a65f6f549c59071","output":"mask"},"order":{"seed":3,"branch":"","copy":0,"round":2},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(23,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"c73f23ee35f1508ecca9d51dfb51fd8274139ded0042d02047eae3db097f3a74","mask":{"job":"8887b2fff1384b2af6b4d0674d9452ec6731f7c296a7510b5a65f6f549c59071","output":"mask"},"ties":{"seed":3,"branch":"","copy":0,"round":3}}',0,NULL);
INSERT INTO job_specs VALUES(24,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"54bdb00ac773004b25d2d6f512205008d854e46d94e25f072b4bfb92bc5c0a97"},"mask":{"job":"d4b3776091ce444c64acf550a3a240e53ef75c47bdcf1262331ee9380ed0bcec","output":"mask"},"order":{"seed":3,"branch":"","copy":0,"round":3},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(25,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":4,"branch":"","copy":0,"round":0}},"mask":null,"order":{"seed":4,"branch":"","copy":0,"round":0},"from":"0it","to":"20it","keep_state":true}',20,20);
INSERT INTO job_specs VALUES(26,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"continue":"7aeca22e8af65b54504eb785443983f947eefe1a553fecfdde9af407d6f3a924"},"mask":null,"order":{"seed":4,"branch":"","copy":0,"round":0},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(27,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"dd5f5f5b373331ee1001ad7f138f50d9e3ebde47425ce43422946b42a5b990d7","mask":null,"ties":{"seed":4,"branch":"","copy":0,"round":1}}',0,NULL);
INSERT INTO job_specs VALUES(28,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"7aeca22e8af65b54504eb785443983f947eefe1a553fecfdde9af407d6f3a924"},"mask":{"job":"9b6022f6c7968da06bd28385390bd4147a2a10f520aa892c169df94f1413fb15","output":"mask"},"order":{"seed":4,"branch":"","copy":0,"round":1},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(29,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"09966e0d82b0b6478a42bf53dcbb876b35d1ab25c13591c7127acc2059d7d4bf","mask":{"job":"9b6022f6c7968da06bd28385390bd4147a2a10f520aa892c169df94f1413fb15","output":"mask"},"ties":{"seed":4,"branch":"","copy":0,"round":2}}',0,NULL);
INSERT INTO job_specs VALUES(30,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"7aeca22e8af65b54504eb785443983f947eefe1a553fecfdde9af407d6f3a924"},"mask":{"job":"2caaa69146b0783d5919276233d6f34965408326f61a93e7219dfa0b5d96ef89","output":"mask"},"order":{"seed":4,"branch":"","copy":0,"round":2},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(31,'prune','{"kind":"prune","network":{"name":"mnist_lenet_300_100","image":[1,28,28],"classes":10},"rule":{"criterion":"magnitude","scope":"per_layer","rate":0.2},"weights":"4262bd189b45550c090a86336e7ac9aae77c885311bfcc7702af4d2f5c5a865a","mask":{"job":"2caaa69146b0783d5919276233d6f34965408326f61a93e7219dfa0b5d96ef89","output":"mask"},"ties":{"seed":4,"branch":"","copy":0,"round":3}}',0,NULL);
INSERT INTO job_specs VALUES(32,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"rewind":"7aeca22e8af65b54504eb785443983f947eefe1a553fecfdde9af407d6f3a924"},"mask":{"job":"b3bc1b80cfc5a5d19f23ad7b322e136b750a97017b1d4288172e29ec4f7a1a74","output":"mask"},"order":{"seed":4,"branch":"","copy":0,"round":3},"from":"20it","to":"60it","keep_state":false}',40,60);
INSERT INTO job_specs VALUES(33,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":3,"branch":"reinit","copy":0,"round":1}},"mask":{"job":"2596c9cc77d5cf743fe67c26f6451cab3c1cca0713d111ee80fa57b1c551b6f4","output":"mask"},"order":{"seed":3,"branch":"reinit","copy":0,"round":1},"from":"0it","to":"60it","keep_state":false}',60,60);
INSERT INTO job_specs VALUES(34,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":3,"branch":"reinit","copy":0,"round":2}},"mask":{"job":"8887b2fff1384b2af6b4d0674d9452ec6731f7c296a7510b5a65f6f549c59071","output":"mask"},"order":{"seed":3,"branch":"reinit","copy":0,"round":2},"from":"0it","to":"60it","keep_state":false}',60,60);
INSERT INTO job_specs VALUES(35,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":4,"branch":"reinit","copy":0,"round":1}},"mask":{"job":"9b6022f6c7968da06bd28385390bd4147a2a10f520aa892c169df94f1413fb15","output":"mask"},"order":{"seed":4,"branch":"reinit","copy":0,"round":1},"from":"0it","to":"60it","keep_state":false}',60,60);
INSERT INTO job_specs VALUES(36,'train','{"kind":"train","recipe":{"model":{"name":"mnist_lenet_300_100","init":"glorot_normal","bias_init":"zero"},"data":{"set":"mnist","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081},"validation":5000,"split_seed":0},"train":{"batch":60,"optimizer":{"name":"adam","beta1":0.9,"beta2":0.999,"eps":1e-8},"lr":0.0012,"decay":0.0,"milestones":[],"gamma":1.0,"warmup":"0it","eval_every":"20it","order":"fresh"},"dtype":"f32"},"start":{"init":{"seed":4,"branch":"reinit","copy":0,"round":2}},"mask":{"job":"2caaa69146b0783d5919276233d6f34965408326f61a93e7219dfa0b5d96ef89","output":"mask"},"order":{"seed":4,"branch":"reinit","copy":0,"round":2},"from":"0it","to":"60it","keep_state":false}',60,60);
CREATE TABLE job_parents (
  job integer not null references jobs (id),
  ordinal integer not null,
  parent integer not null references jobs (id),
  primary key (job, ordinal)
);
INSERT INTO job_parents VALUES(2,0,1);
INSERT INTO job_parents VALUES(3,0,2);
INSERT INTO job_parents VALUES(4,0,1);
INSERT INTO job_parents VALUES(4,1,3);
INSERT INTO job_parents VALUES(5,0,4);
INSERT INTO job_parents VALUES(5,1,3);
INSERT INTO job_parents VALUES(6,0,1);
INSERT INTO job_parents VALUES(6,1,5);
INSERT INTO job_parents VALUES(8,0,7);
INSERT INTO job_parents VALUES(9,0,8);
INSERT INTO job_parents VALUES(10,0,7);
INSERT INTO job_parents VALUES(10,1,9);
INSERT INTO job_parents VALUES(11,0,10);
INSERT INTO job_parents VALUES(11,1,9);
INSERT INTO job_parents VALUES(12,0,7);
INSERT INTO job_parents VALUES(12,1,11);
INSERT INTO job_parents VALUES(13,0,3);
INSERT INTO job_parents VALUES(14,0,5);
INSERT INTO job_parents VALUES(15,0,9);
INSERT INTO job_parents VALUES(16,0,11);
INSERT INTO job_parents VALUES(18,0,17);
INSERT INTO job_parents VALUES(19,0,18);
INSERT INTO job_parents VALUES(20,0,17);
INSERT INTO job_parents VALUES(20,1,19);
INSERT INTO job_parents VALUES(21,0,20);
INSERT INTO job_parents VALUES(21,1,19);
INSERT INTO job_parents VALUES(22,0,17);
INSERT INTO job_parents VALUES(22,1,21);
INSERT INTO job_parents VALUES(23,0,22);
INSERT INTO job_parents VALUES(23,1,21);
INSERT INTO job_parents VALUES(24,0,17);
INSERT INTO job_parents VALUES(24,1,23);
INSERT INTO job_parents VALUES(26,0,25);
INSERT INTO job_parents VALUES(27,0,26);
INSERT INTO job_parents VALUES(28,0,25);
INSERT INTO job_parents VALUES(28,1,27);
INSERT INTO job_parents VALUES(29,0,28);
INSERT INTO job_parents VALUES(29,1,27);
INSERT INTO job_parents VALUES(30,0,25);
INSERT INTO job_parents VALUES(30,1,29);
INSERT INTO job_parents VALUES(31,0,30);
INSERT INTO job_parents VALUES(31,1,29);
INSERT INTO job_parents VALUES(32,0,25);
INSERT INTO job_parents VALUES(32,1,31);
INSERT INTO job_parents VALUES(33,0,19);
INSERT INTO job_parents VALUES(34,0,21);
INSERT INTO job_parents VALUES(35,0,27);
INSERT INTO job_parents VALUES(36,0,29);
CREATE TABLE rounds (
  trial integer not null references trials (id),
  branch text not null,
  copy integer not null,
  round integer not null,
  kind text not null,
  mask integer references jobs (id),
  result integer references jobs (id),   -- the last training segment: its measures are the round's
  origin integer not null references jobs (id),
  start text not null,
  density real not null, course text not null default '',
  primary key (trial, branch, copy, round)
);
INSERT INTO rounds VALUES(1,'',0,0,'ticket',NULL,2,1,'0it',1.0,'');
INSERT INTO rounds VALUES(1,'',0,1,'ticket',3,4,1,'20it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(1,'',0,2,'ticket',5,6,1,'20it',0.64000000000000001332,'');
INSERT INTO rounds VALUES(1,'reinit',0,1,'reinit',3,13,13,'0it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(1,'reinit',0,2,'reinit',5,14,14,'0it',0.64000000000000001332,'');
INSERT INTO rounds VALUES(2,'',0,0,'ticket',NULL,8,7,'0it',1.0,'');
INSERT INTO rounds VALUES(2,'',0,1,'ticket',9,10,7,'20it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(2,'',0,2,'ticket',11,12,7,'20it',0.64000000000000001332,'');
INSERT INTO rounds VALUES(2,'reinit',0,1,'reinit',9,15,15,'0it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(2,'reinit',0,2,'reinit',11,16,16,'0it',0.64000000000000001332,'');
INSERT INTO rounds VALUES(3,'',0,0,'ticket',NULL,18,17,'0it',1.0,'');
INSERT INTO rounds VALUES(3,'',0,1,'ticket',19,20,17,'20it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(3,'',0,2,'ticket',21,22,17,'20it',0.64000000000000001332,'');
INSERT INTO rounds VALUES(3,'',0,3,'ticket',23,24,17,'20it',0.51199849737039815344,'');
INSERT INTO rounds VALUES(3,'reinit',0,1,'reinit',19,33,33,'0it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(3,'reinit',0,2,'reinit',21,34,34,'0it',0.64000000000000001332,'');
INSERT INTO rounds VALUES(4,'',0,0,'ticket',NULL,26,25,'0it',1.0,'');
INSERT INTO rounds VALUES(4,'',0,1,'ticket',27,28,25,'20it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(4,'',0,2,'ticket',29,30,25,'20it',0.64000000000000001332,'');
INSERT INTO rounds VALUES(4,'',0,3,'ticket',31,32,25,'20it',0.51199849737039815344,'');
INSERT INTO rounds VALUES(4,'reinit',0,1,'reinit',27,35,35,'0it',0.8000000000000000444,'');
INSERT INTO rounds VALUES(4,'reinit',0,2,'reinit',29,36,36,'0it',0.64000000000000001332,'');
CREATE TABLE round_jobs (
  trial integer not null,
  branch text not null,
  copy integer not null,
  round integer not null,
  ordinal integer not null,         -- 0 = the mask, 1, 2, ... = training segments
  job integer not null references jobs (id),
  primary key (trial, branch, copy, round, ordinal),
  foreign key (trial, branch, copy, round) references rounds (trial, branch, copy, round)
);
INSERT INTO round_jobs VALUES(1,'',0,0,1,1);
INSERT INTO round_jobs VALUES(1,'',0,0,2,2);
INSERT INTO round_jobs VALUES(1,'',0,1,0,3);
INSERT INTO round_jobs VALUES(1,'',0,1,1,4);
INSERT INTO round_jobs VALUES(1,'',0,2,0,5);
INSERT INTO round_jobs VALUES(1,'',0,2,1,6);
INSERT INTO round_jobs VALUES(1,'reinit',0,1,0,3);
INSERT INTO round_jobs VALUES(1,'reinit',0,1,1,13);
INSERT INTO round_jobs VALUES(1,'reinit',0,2,0,5);
INSERT INTO round_jobs VALUES(1,'reinit',0,2,1,14);
INSERT INTO round_jobs VALUES(2,'',0,0,1,7);
INSERT INTO round_jobs VALUES(2,'',0,0,2,8);
INSERT INTO round_jobs VALUES(2,'',0,1,0,9);
INSERT INTO round_jobs VALUES(2,'',0,1,1,10);
INSERT INTO round_jobs VALUES(2,'',0,2,0,11);
INSERT INTO round_jobs VALUES(2,'',0,2,1,12);
INSERT INTO round_jobs VALUES(2,'reinit',0,1,0,9);
INSERT INTO round_jobs VALUES(2,'reinit',0,1,1,15);
INSERT INTO round_jobs VALUES(2,'reinit',0,2,0,11);
INSERT INTO round_jobs VALUES(2,'reinit',0,2,1,16);
INSERT INTO round_jobs VALUES(3,'',0,0,1,17);
INSERT INTO round_jobs VALUES(3,'',0,0,2,18);
INSERT INTO round_jobs VALUES(3,'',0,1,0,19);
INSERT INTO round_jobs VALUES(3,'',0,1,1,20);
INSERT INTO round_jobs VALUES(3,'',0,2,0,21);
INSERT INTO round_jobs VALUES(3,'',0,2,1,22);
INSERT INTO round_jobs VALUES(3,'',0,3,0,23);
INSERT INTO round_jobs VALUES(3,'',0,3,1,24);
INSERT INTO round_jobs VALUES(3,'reinit',0,1,0,19);
INSERT INTO round_jobs VALUES(3,'reinit',0,1,1,33);
INSERT INTO round_jobs VALUES(3,'reinit',0,2,0,21);
INSERT INTO round_jobs VALUES(3,'reinit',0,2,1,34);
INSERT INTO round_jobs VALUES(4,'',0,0,1,25);
INSERT INTO round_jobs VALUES(4,'',0,0,2,26);
INSERT INTO round_jobs VALUES(4,'',0,1,0,27);
INSERT INTO round_jobs VALUES(4,'',0,1,1,28);
INSERT INTO round_jobs VALUES(4,'',0,2,0,29);
INSERT INTO round_jobs VALUES(4,'',0,2,1,30);
INSERT INTO round_jobs VALUES(4,'',0,3,0,31);
INSERT INTO round_jobs VALUES(4,'',0,3,1,32);
INSERT INTO round_jobs VALUES(4,'reinit',0,1,0,27);
INSERT INTO round_jobs VALUES(4,'reinit',0,1,1,35);
INSERT INTO round_jobs VALUES(4,'reinit',0,2,0,29);
INSERT INTO round_jobs VALUES(4,'reinit',0,2,1,36);
CREATE TABLE claims (
  sweep integer not null references sweeps (id),
  job integer not null references jobs (id),
  shared boolean not null,         -- the job existed before this sweep wanted it
  primary key (sweep, job)
);
INSERT INTO claims VALUES(1,1,0);
INSERT INTO claims VALUES(1,2,0);
INSERT INTO claims VALUES(1,3,0);
INSERT INTO claims VALUES(1,4,0);
INSERT INTO claims VALUES(1,5,0);
INSERT INTO claims VALUES(1,6,0);
INSERT INTO claims VALUES(1,7,0);
INSERT INTO claims VALUES(1,8,0);
INSERT INTO claims VALUES(1,9,0);
INSERT INTO claims VALUES(1,10,0);
INSERT INTO claims VALUES(1,11,0);
INSERT INTO claims VALUES(1,12,0);
INSERT INTO claims VALUES(1,13,0);
INSERT INTO claims VALUES(1,14,0);
INSERT INTO claims VALUES(1,15,0);
INSERT INTO claims VALUES(1,16,0);
INSERT INTO claims VALUES(2,17,0);
INSERT INTO claims VALUES(2,18,0);
INSERT INTO claims VALUES(2,19,0);
INSERT INTO claims VALUES(2,20,0);
INSERT INTO claims VALUES(2,21,0);
INSERT INTO claims VALUES(2,22,0);
INSERT INTO claims VALUES(2,23,0);
INSERT INTO claims VALUES(2,24,0);
INSERT INTO claims VALUES(2,25,0);
INSERT INTO claims VALUES(2,26,0);
INSERT INTO claims VALUES(2,27,0);
INSERT INTO claims VALUES(2,28,0);
INSERT INTO claims VALUES(2,29,0);
INSERT INTO claims VALUES(2,30,0);
INSERT INTO claims VALUES(2,31,0);
INSERT INTO claims VALUES(2,32,0);
INSERT INTO claims VALUES(2,33,0);
INSERT INTO claims VALUES(2,34,0);
INSERT INTO claims VALUES(2,35,0);
INSERT INTO claims VALUES(2,36,0);
CREATE TABLE workers (
  id integer primary key,
  name text not null,
  host text not null,
  version text not null,
  info text not null,
  state text not null,
  since text not null       -- of that state
);
INSERT INTO workers VALUES(1,'worker-1','host','0.1.0','{"name":"worker-1","host":"vm","version":"0.1.0","components":{"analysis":1,"random":1,"selection":1,"training":1,"vocabulary":4},"slots":[{"device":"cpu","index":0,"name":"AMD EPYC","memory":25276510208,"lanes":1}],"data":[{"set":"cifar10-jpeg75","digest":"a2f01c3814463e9c823073f6ccc0bd003c637bb24f395f6e2173b8759f88ac28","shape":{"train":50000,"test":10000,"image":[3,32,32],"classes":10,"mean":[0.4914,0.4822,0.4465],"std":[0.247,0.2435,0.2616]}},{"set":"fashion_mnist","digest":"7ae8c5c5f9c244ea0fbbcafe24f5a05c77569b23fb7ab6acd636cf4e549e98c0","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.286,"std":0.353}},{"set":"mnist","digest":"85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081}}],"data_folder":"/tmp/se/data"}','connected','2026-11-28T20:42:06.876Z');
INSERT INTO workers VALUES(2,'worker-2','host','0.1.0','{"name":"worker-2","host":"vm","version":"0.1.0","components":{"analysis":1,"random":1,"selection":1,"training":1,"vocabulary":4},"slots":[{"device":"cpu","index":0,"name":"AMD EPYC","memory":25276510208,"lanes":1}],"data":[{"set":"cifar10-jpeg75","digest":"a2f01c3814463e9c823073f6ccc0bd003c637bb24f395f6e2173b8759f88ac28","shape":{"train":50000,"test":10000,"image":[3,32,32],"classes":10,"mean":[0.4914,0.4822,0.4465],"std":[0.247,0.2435,0.2616]}},{"set":"fashion_mnist","digest":"7ae8c5c5f9c244ea0fbbcafe24f5a05c77569b23fb7ab6acd636cf4e549e98c0","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.286,"std":0.353}},{"set":"mnist","digest":"85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe","shape":{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081}}],"data_folder":"/tmp/se/data"}','connected','2026-11-28T20:42:09.208Z');
CREATE TABLE packs (
  lease integer primary key,
  worker integer not null references workers (id),
  slot integer not null,
  device text not null,
  plan text not null,
  width integer not null,
  granted text not null
);
INSERT INTO packs VALUES(1,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:38.148Z');
INSERT INTO packs VALUES(2,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:38.148Z');
INSERT INTO packs VALUES(3,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:39.723Z');
INSERT INTO packs VALUES(4,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:40.473Z');
INSERT INTO packs VALUES(5,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:41.870Z');
INSERT INTO packs VALUES(6,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:43.380Z');
INSERT INTO packs VALUES(7,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:44.153Z');
INSERT INTO packs VALUES(8,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:41:44.763Z');
INSERT INTO packs VALUES(9,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:06.876Z');
INSERT INTO packs VALUES(10,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:06.876Z');
INSERT INTO packs VALUES(11,2,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:09.234Z');
INSERT INTO packs VALUES(12,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:10.635Z');
INSERT INTO packs VALUES(13,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:10.777Z');
INSERT INTO packs VALUES(14,2,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:11.660Z');
INSERT INTO packs VALUES(15,2,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:12.059Z');
INSERT INTO packs VALUES(16,1,0,'cpu','cpu-lanes',1,'2026-11-28T20:42:12.266Z');
CREATE TABLE pack_lanes (
  lease integer not null,
  stage integer not null,
  lane integer not null,
  job integer not null,
  attempt integer not null,
  primary key (lease, stage, lane)
);
INSERT INTO pack_lanes VALUES(1,0,0,1,1);
INSERT INTO pack_lanes VALUES(1,1,0,2,1);
INSERT INTO pack_lanes VALUES(2,0,0,7,1);
INSERT INTO pack_lanes VALUES(2,1,0,8,1);
INSERT INTO pack_lanes VALUES(3,0,0,3,1);
INSERT INTO pack_lanes VALUES(3,1,0,4,1);
INSERT INTO pack_lanes VALUES(3,2,0,5,1);
INSERT INTO pack_lanes VALUES(3,3,0,14,1);
INSERT INTO pack_lanes VALUES(4,0,0,9,1);
INSERT INTO pack_lanes VALUES(4,1,0,10,1);
INSERT INTO pack_lanes VALUES(4,2,0,11,1);
INSERT INTO pack_lanes VALUES(4,3,0,16,1);
INSERT INTO pack_lanes VALUES(5,0,0,13,1);
INSERT INTO pack_lanes VALUES(6,0,0,15,1);
INSERT INTO pack_lanes VALUES(7,0,0,6,1);
INSERT INTO pack_lanes VALUES(8,0,0,12,1);
INSERT INTO pack_lanes VALUES(9,0,0,17,1);
INSERT INTO pack_lanes VALUES(9,1,0,18,1);
INSERT INTO pack_lanes VALUES(10,0,0,25,1);
INSERT INTO pack_lanes VALUES(10,1,0,26,1);
INSERT INTO pack_lanes VALUES(11,0,0,25,2);
INSERT INTO pack_lanes VALUES(11,1,0,26,2);
INSERT INTO pack_lanes VALUES(12,0,0,19,1);
INSERT INTO pack_lanes VALUES(12,1,0,20,1);
INSERT INTO pack_lanes VALUES(12,2,0,21,1);
INSERT INTO pack_lanes VALUES(12,3,0,22,1);
INSERT INTO pack_lanes VALUES(13,0,0,33,1);
INSERT INTO pack_lanes VALUES(14,0,0,34,1);
INSERT INTO pack_lanes VALUES(15,0,0,27,1);
INSERT INTO pack_lanes VALUES(15,1,0,28,1);
INSERT INTO pack_lanes VALUES(15,2,0,29,1);
INSERT INTO pack_lanes VALUES(15,3,0,30,1);
INSERT INTO pack_lanes VALUES(16,0,0,23,1);
INSERT INTO pack_lanes VALUES(16,1,0,24,1);
CREATE TABLE attempts (
  job integer not null,
  attempt integer not null,
  lease integer,
  started text,             -- null: ended before it started (recalled, or could not)
  from_iteration integer,
  ended text,
  how text,                        -- done, failed, lost, recalled, drained, cancelled
  failure_class text,
  message text,
  primary key (job, attempt)
);
INSERT INTO attempts VALUES(1,1,1,'2026-11-28T20:41:38.774Z',0,'2026-11-28T20:41:39.515Z','done',NULL,NULL);
INSERT INTO attempts VALUES(2,1,1,'2026-11-28T20:41:39.515Z',20,'2026-11-28T20:41:39.723Z','done',NULL,NULL);
INSERT INTO attempts VALUES(7,1,2,'2026-11-28T20:41:39.723Z',0,'2026-11-28T20:41:40.120Z','done',NULL,NULL);
INSERT INTO attempts VALUES(8,1,2,'2026-11-28T20:41:40.120Z',20,'2026-11-28T20:41:40.473Z','done',NULL,NULL);
INSERT INTO attempts VALUES(3,1,3,'2026-11-28T20:41:40.473Z',0,'2026-11-28T20:41:40.535Z','done',NULL,NULL);
INSERT INTO attempts VALUES(4,1,3,'2026-11-28T20:41:40.535Z',20,'2026-11-28T20:41:40.910Z','done',NULL,NULL);
INSERT INTO attempts VALUES(5,1,3,'2026-11-28T20:41:40.910Z',0,'2026-11-28T20:41:40.955Z','done',NULL,NULL);
INSERT INTO attempts VALUES(14,1,3,'2026-11-28T20:41:40.955Z',0,'2026-11-28T20:41:41.870Z','done',NULL,NULL);
INSERT INTO attempts VALUES(9,1,4,'2026-11-28T20:41:41.870Z',0,'2026-11-28T20:41:41.870Z','done',NULL,NULL);
INSERT INTO attempts VALUES(10,1,4,'2026-11-28T20:41:41.870Z',20,'2026-11-28T20:41:42.447Z','done',NULL,NULL);
INSERT INTO attempts VALUES(11,1,4,'2026-11-28T20:41:42.447Z',0,'2026-11-28T20:41:42.452Z','done',NULL,NULL);
INSERT INTO attempts VALUES(16,1,4,'2026-11-28T20:41:42.452Z',0,'2026-11-28T20:41:43.380Z','done',NULL,NULL);
INSERT INTO attempts VALUES(13,1,5,'2026-11-28T20:41:43.380Z',0,'2026-11-28T20:41:44.153Z','done',NULL,NULL);
INSERT INTO attempts VALUES(15,1,6,'2026-11-28T20:41:44.153Z',0,'2026-11-28T20:41:44.763Z','done',NULL,NULL);
INSERT INTO attempts VALUES(6,1,7,'2026-11-28T20:41:44.763Z',20,'2026-11-28T20:41:45.083Z','done',NULL,NULL);
INSERT INTO attempts VALUES(12,1,8,'2026-11-28T20:41:45.083Z',20,'2026-11-28T20:41:45.514Z','done',NULL,NULL);
INSERT INTO attempts VALUES(17,1,9,'2026-11-28T20:42:08.162Z',0,'2026-11-28T20:42:09.321Z','done',NULL,NULL);
INSERT INTO attempts VALUES(25,1,10,NULL,NULL,'2026-11-28T20:42:09.234Z','recalled',NULL,NULL);
INSERT INTO attempts VALUES(26,1,10,NULL,NULL,'2026-11-28T20:42:09.234Z','recalled',NULL,NULL);
INSERT INTO attempts VALUES(18,1,9,'2026-11-28T20:42:09.321Z',20,'2026-11-28T20:42:10.635Z','done',NULL,NULL);
INSERT INTO attempts VALUES(25,2,11,'2026-11-28T20:42:10.541Z',0,'2026-11-28T20:42:11.130Z','done',NULL,NULL);
INSERT INTO attempts VALUES(19,1,12,'2026-11-28T20:42:10.649Z',0,'2026-11-28T20:42:10.777Z','done',NULL,NULL);
INSERT INTO attempts VALUES(20,1,12,'2026-11-28T20:42:10.777Z',20,'2026-11-28T20:42:11.630Z','done',NULL,NULL);
INSERT INTO attempts VALUES(26,2,11,'2026-11-28T20:42:11.130Z',20,'2026-11-28T20:42:12.059Z','done',NULL,NULL);
INSERT INTO attempts VALUES(21,1,12,'2026-11-28T20:42:11.630Z',0,'2026-11-28T20:42:11.660Z','done',NULL,NULL);
INSERT INTO attempts VALUES(22,1,12,'2026-11-28T20:42:11.660Z',20,'2026-11-28T20:42:12.266Z','done',NULL,NULL);
INSERT INTO attempts VALUES(34,1,14,'2026-11-28T20:42:12.059Z',0,NULL,NULL,NULL,NULL);
INSERT INTO attempts VALUES(33,1,13,'2026-11-28T20:42:12.266Z',0,NULL,NULL,NULL,NULL);
CREATE TABLE outputs (
  job integer not null,
  output text not null,
  digest text not null,
  bytes integer not null,
  primary key (job, output)
);
INSERT INTO outputs VALUES(1,'initial','a40f005337529b838614963ec6ac582b08e71c068a94a5798dc850a11d2bc97d',1067016);
INSERT INTO outputs VALUES(1,'weights','afa41414796dea3fff7fc0b3d6c81c14e435aa72dd72fad9b6ac1013e7fb0ec7',1067016);
INSERT INTO outputs VALUES(1,'state','13be97e7c5f2e459e537151d0b303f9cd69036504b4cb52718ea5f0fe6d8c485',2134544);
INSERT INTO outputs VALUES(2,'weights','424a2204d21ca903c3f74b0aad91d02b3c38ae285dacf2087c37c5d220b43f2d',1067016);
INSERT INTO outputs VALUES(7,'initial','b41df3dd5e21ade4a492bc4202c83a1b5417b0ec14cc4504e1f6bafcef2c82d3',1067016);
INSERT INTO outputs VALUES(7,'weights','edd6a96716ede046b7f8d6ab75c541bf4a7142c9271030116c938abceeffc20c',1067016);
INSERT INTO outputs VALUES(7,'state','41f0ef53bd614b157f038abf659e14260e6a9d98d6574be4b9130c3dd3e1cc00',2134544);
INSERT INTO outputs VALUES(8,'weights','61d35e4f20ffc898b95e91726c7af2a447ace54f98570369d3a7350b19c5bbb3',1067016);
INSERT INTO outputs VALUES(3,'mask','df7d2f26d63233a04c4f214fe35a623cbfc697bf455e45a52c6bec0f17f9d7a5',266640);
INSERT INTO outputs VALUES(4,'weights','bfe586f0ccc54733f706fbc10d7c9274bab054c8b3b8af8ca39733048185caec',1067016);
INSERT INTO outputs VALUES(5,'mask','ee5a4082a08396c94642694bf00673038bdae5b498676ba050b9502abe0d0212',266640);
INSERT INTO outputs VALUES(14,'initial','dd6633caf200e6ac5e752cba3c07d1ad1a1dce37c917906993629067ddef716f',1067016);
INSERT INTO outputs VALUES(14,'weights','20fefb2ebb65c7c6db8c5fa79e967d2ecbf67ef7e0d688b33337239128bca5e4',1067016);
INSERT INTO outputs VALUES(9,'mask','57300f9e56abdf95c33ca580e6c9188592a516d3f34cbf4d0b398a3360aa6b93',266640);
INSERT INTO outputs VALUES(10,'weights','b53d8a86623e5a72a27461362bfd667f3de2c6f231c5bc7119529c6211773495',1067016);
INSERT INTO outputs VALUES(11,'mask','d19412f9853092cf2bd44d3500bd1c5da136455d0d0752e37c5671890802f6b2',266640);
INSERT INTO outputs VALUES(16,'initial','b15fa4d3155d44ec9706ea21feb6f27b6f36c3ed4c9be886a936892661cb0630',1067016);
INSERT INTO outputs VALUES(16,'weights','9db510fd0a0a9ad3406278834266a672712b81381ebd126b72757655114f451e',1067016);
INSERT INTO outputs VALUES(13,'initial','a72253842311f06458b6728a53f81100a4afdac635db18f6d92dbf992649015b',1067016);
INSERT INTO outputs VALUES(13,'weights','9c1d4282628ec2e460ab3358c259af023305da35de8aa3c9a636f73d7c241869',1067016);
INSERT INTO outputs VALUES(15,'initial','beb5d2713b55f92b5c77469e1acf2ffad6ee9d86df192d783fcabaabfd293c09',1067016);
INSERT INTO outputs VALUES(15,'weights','bdad4770e8b8844e438628141c0fa1249e7fa6e2b27c07141cbc8214ea9b5bb2',1067016);
INSERT INTO outputs VALUES(6,'weights','e6dfe27ee2fb56bf9839867fb66a4832223097ebc1eb2adc03d64b7f46c18e67',1067016);
INSERT INTO outputs VALUES(12,'weights','e6d624e599f49747fbc38fa6a8028a7d5b8f758ffd5e6e842238d0cbb493029e',1067016);
INSERT INTO outputs VALUES(17,'initial','3279015121484dd372be9375f6290bc94cf66d05d2a022dc4381fd8aa54c73aa',1067016);
INSERT INTO outputs VALUES(17,'weights','97cf9091146c8ebccbf3a0b4dbd8e6061af9e943b24d8a20fe7463d1fe67dc28',1067016);
INSERT INTO outputs VALUES(17,'state','0c9398871d302d4f7d5eb7e5ea7d37b1a7b684db823e06ac6d72ae5d2e9ceccd',2134544);
INSERT INTO outputs VALUES(18,'weights','59925d14209ec388002652ebd579f380d13d969bd39e583c114bc99fdfa84255',1067016);
INSERT INTO outputs VALUES(19,'mask','4b95b4d4dabd213036c0b6a4f96118e634bf4532161f86e548e2ed6c23381980',266640);
INSERT INTO outputs VALUES(25,'initial','001b6b7d2eca725a0ffbf0e836f36a90e071f3b97bfc1edd4d7d589f5d9ea0ec',1067016);
INSERT INTO outputs VALUES(25,'weights','83bd691567c43657556d9215754f9d63b61324f1ed6e4b688c495dd40653765d',1067016);
INSERT INTO outputs VALUES(25,'state','cfa305217857aab07a4d2d750b8b1f4830a06541f7a503d55aa209e59a444f0c',2134552);
INSERT INTO outputs VALUES(20,'weights','6944c9ed1303fdcd45eec37d6d079e0dd7458f46959d79d98463d09791d398b3',1067016);
INSERT INTO outputs VALUES(21,'mask','4ba59e4cb8183b7e573e0317ec6b1ac11866da9f1cfc33f3b4b3c128ff6564d8',266640);
INSERT INTO outputs VALUES(26,'weights','aca3663562100d86080919bbfea1030352f0e89bf7a35b6538511d0f06adbc16',1067016);
INSERT INTO outputs VALUES(22,'weights','4de7d8d83506ade1284d9249b15bef201b10096747b9e5d45398ca9d6bbfe92a',1067016);
CREATE TABLE results (
  job integer primary key,
  iterations integer,               -- the figures of a training segment, null for masks
  flops real,
  device_seconds real,
  early_stop_iteration integer,
  living integer,                   -- the counts of a mask, null for training
  total integer,
  prunable integer,
  plan text not null,
  device text not null,
  threads integer not null,
  width integer not null,
  libtorch text not null,
  capability text not null,
  worker text not null,
  data text
, theoretical_flops real);
INSERT INTO results VALUES(1,20,1916640000.0,0.42455260499999997181,20,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',1916640000.0);
INSERT INTO results VALUES(2,40,3833280000.0,0.38997682399999999969,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3833280000.0);
INSERT INTO results VALUES(3,NULL,0.0,0.0074771450000000001454,NULL,212960,266200,266200,'rust','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0',NULL,0.0);
INSERT INTO results VALUES(4,40,3833280000.0,0.40616915499999994842,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3066624000.0);
INSERT INTO results VALUES(5,NULL,0.0,0.0057014989999999996297,NULL,170368,266200,266200,'rust','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0',NULL,0.0);
INSERT INTO results VALUES(6,40,3833280000.0,0.4051253630000000161,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',2453299200.0);
INSERT INTO results VALUES(7,20,1916640000.0,0.22813140400000000984,20,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',1916640000.0);
INSERT INTO results VALUES(8,40,3833280000.0,0.42204562800000000599,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3833280000.0);
INSERT INTO results VALUES(9,NULL,0.0,0.013122282000000000737,NULL,212960,266200,266200,'rust','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0',NULL,0.0);
INSERT INTO results VALUES(10,40,3833280000.0,0.53224086299999995297,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3066624000.0);
INSERT INTO results VALUES(11,NULL,0.0,0.0099233919999999996297,NULL,170368,266200,266200,'rust','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0',NULL,0.0);
INSERT INTO results VALUES(12,40,3833280000.0,0.40204493599999990838,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',2453299200.0);
INSERT INTO results VALUES(13,60,5749920000.0,0.75974093599999992232,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',4599936000.0);
INSERT INTO results VALUES(14,60,5749920000.0,0.83101564499999991397,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3679948800.0);
INSERT INTO results VALUES(15,60,5749920000.0,0.54390017100000009886,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',4599936000.0);
INSERT INTO results VALUES(16,60,5749920000.0,0.7334369150000000781,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3679948800.0);
INSERT INTO results VALUES(17,20,1916640000.0,0.88991339599999996767,20,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',1916640000.0);
INSERT INTO results VALUES(18,40,3833280000.0,1.3794523390000001938,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3833280000.0);
INSERT INTO results VALUES(19,NULL,0.0,0.040655269000000000823,NULL,212960,266200,266200,'rust','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0',NULL,0.0);
INSERT INTO results VALUES(20,40,3833280000.0,0.81056049500000004748,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3066624000.0);
INSERT INTO results VALUES(21,NULL,0.0,0.013766204000000000634,NULL,170368,266200,266200,'rust','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0',NULL,0.0);
INSERT INTO results VALUES(22,40,3833280000.0,0.5623336960000000495,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',2453299200.0);
INSERT INTO results VALUES(25,20,1916640000.0,0.3421733570000000113,20,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',1916640000.0);
INSERT INTO results VALUES(26,40,3833280000.0,0.96226986399999991927,60,NULL,NULL,NULL,'cpu-lanes','cpu AMD EPYC',1,1,'2.11.0','AVX512','0.1.0','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe',3833280000.0);
CREATE TABLE checkpoints (
  job integer primary key,
  attempt integer not null,
  iteration integer not null,
  digest text not null,
  bytes integer not null,
  taken text not null
);
CREATE TABLE metric_batches (
  job integer not null,
  attempt integer not null,
  batch integer not null,
  ordinal integer not null,         -- of the series inside the batch
  name text not null,
  split text not null,
  first_iteration integer not null,
  last_iteration integer not null,
  iterations text not null,
  points text not null,
  primary key (job, attempt, batch, ordinal)
);
INSERT INTO metric_batches VALUES(1,1,1,0,'loss','validation',0,20,'[0,20]','[2.929362829655409,0.5138615579102338]');
INSERT INTO metric_batches VALUES(1,1,1,1,'accuracy','validation',0,20,'[0,20]','[0.0874,0.838]');
INSERT INTO metric_batches VALUES(1,1,1,2,'loss','test',0,20,'[0,20]','[2.9717959200859068,0.5011770863594185]');
INSERT INTO metric_batches VALUES(1,1,1,3,'accuracy','test',0,20,'[0,20]','[0.0895,0.8435]');
INSERT INTO metric_batches VALUES(1,1,1,4,'loss','train',20,20,'[20]','[1.1567067565504088]');
INSERT INTO metric_batches VALUES(2,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.5138615579102338,0.4742145733641025,0.3500125244060331]');
INSERT INTO metric_batches VALUES(2,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.838,0.8536,0.8882]');
INSERT INTO metric_batches VALUES(2,1,1,2,'loss','test',20,60,'[20,40,60]','[0.5011770863594185,0.4708611121500321,0.3523886864591174]');
INSERT INTO metric_batches VALUES(2,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8435,0.8581,0.8902]');
INSERT INTO metric_batches VALUES(2,1,1,4,'loss','train',40,60,'[40,60]','[0.4589164856777751,0.3826265365624265]');
INSERT INTO metric_batches VALUES(7,1,1,0,'loss','validation',0,20,'[0,20]','[2.7231828911155462,0.5029684725468494]');
INSERT INTO metric_batches VALUES(7,1,1,1,'accuracy','validation',0,20,'[0,20]','[0.11,0.8376]');
INSERT INTO metric_batches VALUES(7,1,1,2,'loss','test',0,20,'[0,20]','[2.7121181058436634,0.4806686626830539]');
INSERT INTO metric_batches VALUES(7,1,1,3,'accuracy','test',0,20,'[0,20]','[0.1158,0.8507]');
INSERT INTO metric_batches VALUES(7,1,1,4,'loss','train',20,20,'[20]','[1.027364656139666]');
INSERT INTO metric_batches VALUES(8,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.5029684725468494,0.4269724469282419,0.34107836438833267]');
INSERT INTO metric_batches VALUES(8,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.8376,0.865,0.8962]');
INSERT INTO metric_batches VALUES(8,1,1,2,'loss','test',20,60,'[20,40,60]','[0.4806686626830539,0.41939696515769675,0.3402076370830808]');
INSERT INTO metric_batches VALUES(8,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8507,0.8699,0.8986]');
INSERT INTO metric_batches VALUES(8,1,1,4,'loss','train',40,60,'[40,60]','[0.4366253528991793,0.4192437627442864]');
INSERT INTO metric_batches VALUES(4,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.4506070409911614,0.44873197525337016,0.3521194441121693]');
INSERT INTO metric_batches VALUES(4,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.8642,0.8686,0.8938]');
INSERT INTO metric_batches VALUES(4,1,1,2,'loss','test',20,60,'[20,40,60]','[0.443961149708839,0.4368325847116789,0.34272275695360416]');
INSERT INTO metric_batches VALUES(4,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8631,0.8686,0.8976]');
INSERT INTO metric_batches VALUES(4,1,1,4,'loss','train',40,60,'[40,60]','[0.5058942468938208,0.38621083230461933]');
INSERT INTO metric_batches VALUES(14,1,1,0,'loss','validation',0,40,'[0,20,40]','[2.404183101773262,0.5890563334551291,0.40848523088494404]');
INSERT INTO metric_batches VALUES(14,1,1,1,'accuracy','validation',0,40,'[0,20,40]','[0.055,0.8198,0.8764]');
INSERT INTO metric_batches VALUES(14,1,1,2,'loss','test',0,40,'[0,20,40]','[2.403356812882423,0.5666519381917664,0.3944734109619463]');
INSERT INTO metric_batches VALUES(14,1,1,3,'accuracy','test',0,40,'[0,20,40]','[0.0516,0.8379,0.8857]');
INSERT INTO metric_batches VALUES(14,1,1,4,'loss','train',20,40,'[20,40]','[1.2538713169695197,0.5200700800070648]');
INSERT INTO metric_batches VALUES(14,1,2,0,'loss','train',60,60,'[60]','[0.4477682057054406]');
INSERT INTO metric_batches VALUES(14,1,2,1,'loss','validation',60,60,'[60]','[0.35456656646281337]');
INSERT INTO metric_batches VALUES(14,1,2,2,'accuracy','validation',60,60,'[60]','[0.89]');
INSERT INTO metric_batches VALUES(14,1,2,3,'loss','test',60,60,'[60]','[0.3544058862809212]');
INSERT INTO metric_batches VALUES(14,1,2,4,'accuracy','test',60,60,'[60]','[0.8983]');
INSERT INTO metric_batches VALUES(10,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.4261585966746603,0.35023823065517173,0.31531738319730573]');
INSERT INTO metric_batches VALUES(10,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.8644,0.8956,0.9004]');
INSERT INTO metric_batches VALUES(10,1,1,2,'loss','test',20,60,'[20,40,60]','[0.41279963350817134,0.33777936489560223,0.30857371169217684]');
INSERT INTO metric_batches VALUES(10,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8756,0.9012,0.9054]');
INSERT INTO metric_batches VALUES(10,1,1,4,'loss','train',40,60,'[40,60]','[0.45997015592461865,0.30464213578460897]');
INSERT INTO metric_batches VALUES(16,1,1,0,'loss','validation',0,40,'[0,20,40]','[2.4651669548869135,0.6374402455567775,0.4425228833651756]');
INSERT INTO metric_batches VALUES(16,1,1,1,'accuracy','validation',0,40,'[0,20,40]','[0.0844,0.8008,0.8618]');
INSERT INTO metric_batches VALUES(16,1,1,2,'loss','test',0,40,'[0,20,40]','[2.4665536109149455,0.6351552815178293,0.44315640674112566]');
INSERT INTO metric_batches VALUES(16,1,1,3,'accuracy','test',0,40,'[0,20,40]','[0.0823,0.802,0.865]');
INSERT INTO metric_batches VALUES(16,1,1,4,'loss','train',20,40,'[20,40]','[1.248164696804773,0.501828045004346]');
INSERT INTO metric_batches VALUES(16,1,2,0,'loss','train',60,60,'[60]','[0.4314047983620145]');
INSERT INTO metric_batches VALUES(16,1,2,1,'loss','validation',60,60,'[60]','[0.3726940168405401]');
INSERT INTO metric_batches VALUES(16,1,2,2,'accuracy','validation',60,60,'[60]','[0.8828]');
INSERT INTO metric_batches VALUES(16,1,2,3,'loss','test',60,60,'[60]','[0.37341209229908984]');
INSERT INTO metric_batches VALUES(16,1,2,4,'accuracy','test',60,60,'[60]','[0.8916]');
INSERT INTO metric_batches VALUES(13,1,1,0,'loss','validation',0,40,'[0,20,40]','[2.531083028078079,0.6452433518919409,0.3966635369196476]');
INSERT INTO metric_batches VALUES(13,1,1,1,'accuracy','validation',0,40,'[0,20,40]','[0.076,0.7832,0.8802]');
INSERT INTO metric_batches VALUES(13,1,1,2,'loss','test',0,40,'[0,20,40]','[2.5331184199273586,0.6276235466896171,0.3863182252897705]');
INSERT INTO metric_batches VALUES(13,1,1,3,'accuracy','test',0,40,'[0,20,40]','[0.0747,0.7902,0.8856]');
INSERT INTO metric_batches VALUES(13,1,1,4,'loss','train',20,40,'[20,40]','[1.237788393496036,0.49772956544515595]');
INSERT INTO metric_batches VALUES(13,1,2,0,'loss','train',60,60,'[60]','[0.4225220341897075]');
INSERT INTO metric_batches VALUES(13,1,2,1,'loss','validation',60,60,'[60]','[0.37448778265160937]');
INSERT INTO metric_batches VALUES(13,1,2,2,'accuracy','validation',60,60,'[60]','[0.8768]');
INSERT INTO metric_batches VALUES(13,1,2,3,'loss','test',60,60,'[60]','[0.3665545812514443]');
INSERT INTO metric_batches VALUES(13,1,2,4,'accuracy','test',60,60,'[60]','[0.884]');
INSERT INTO metric_batches VALUES(15,1,1,0,'loss','validation',0,60,'[0,20,40,60]','[2.631879065233469,0.5951719317995318,0.42539003975929024,0.33937633544503787]');
INSERT INTO metric_batches VALUES(15,1,1,1,'accuracy','validation',0,60,'[0,20,40,60]','[0.0998,0.795,0.8668,0.8956]');
INSERT INTO metric_batches VALUES(15,1,1,2,'loss','test',0,60,'[0,20,40,60]','[2.6328285981237887,0.5842643664820724,0.42591872947408466,0.33458623090903766]');
INSERT INTO metric_batches VALUES(15,1,1,3,'accuracy','test',0,60,'[0,20,40,60]','[0.0951,0.8106,0.8679,0.9023]');
INSERT INTO metric_batches VALUES(15,1,1,4,'loss','train',20,60,'[20,40,60]','[1.192961472811419,0.5105325430419738,0.42128171044136514]');
INSERT INTO metric_batches VALUES(6,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.4211140491848859,0.3530147337059695,0.31091173882439554]');
INSERT INTO metric_batches VALUES(6,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.8748,0.8892,0.9066]');
INSERT INTO metric_batches VALUES(6,1,1,2,'loss','test',20,60,'[20,40,60]','[0.4093183899390183,0.3338750292111698,0.3063111819927779]');
INSERT INTO metric_batches VALUES(6,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8788,0.8998,0.9087]');
INSERT INTO metric_batches VALUES(6,1,1,4,'loss','train',40,60,'[40,60]','[0.42237605780738685,0.33567639038715796]');
INSERT INTO metric_batches VALUES(12,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.3888034761202929,0.3421042174750299,0.3053432650576113]');
INSERT INTO metric_batches VALUES(12,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.8796,0.8964,0.908]');
INSERT INTO metric_batches VALUES(12,1,1,2,'loss','test',20,60,'[20,40,60]','[0.3794150174658356,0.33997578463216077,0.3049477508421241]');
INSERT INTO metric_batches VALUES(12,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8843,0.8986,0.9095]');
INSERT INTO metric_batches VALUES(12,1,1,4,'loss','train',40,60,'[40,60]','[0.3697196595867221,0.31015530018415965]');
INSERT INTO metric_batches VALUES(17,1,1,0,'loss','validation',0,20,'[0,20]','[2.6593261524140837,0.5279239327731892]');
INSERT INTO metric_batches VALUES(17,1,1,1,'accuracy','validation',0,20,'[0,20]','[0.1084,0.837]');
INSERT INTO metric_batches VALUES(17,1,1,2,'loss','test',0,20,'[0,20]','[2.654130532668531,0.5126034859651166]');
INSERT INTO metric_batches VALUES(17,1,1,3,'accuracy','test',0,20,'[0,20]','[0.1113,0.8448]');
INSERT INTO metric_batches VALUES(17,1,1,4,'loss','train',20,20,'[20]','[1.149830953038362]');
INSERT INTO metric_batches VALUES(18,1,1,0,'loss','validation',20,20,'[20]','[0.5279239327731892]');
INSERT INTO metric_batches VALUES(18,1,1,1,'accuracy','validation',20,20,'[20]','[0.837]');
INSERT INTO metric_batches VALUES(18,1,1,2,'loss','test',20,20,'[20]','[0.5126034859651166]');
INSERT INTO metric_batches VALUES(18,1,1,3,'accuracy','test',20,20,'[20]','[0.8448]');
INSERT INTO metric_batches VALUES(18,1,2,0,'loss','train',40,60,'[40,60]','[0.465122003476443,0.3482241543446675]');
INSERT INTO metric_batches VALUES(18,1,2,1,'loss','validation',40,60,'[40,60]','[0.39034258196195704,0.3311953147578225]');
INSERT INTO metric_batches VALUES(18,1,2,2,'accuracy','validation',40,60,'[40,60]','[0.8836,0.898]');
INSERT INTO metric_batches VALUES(18,1,2,3,'loss','test',40,60,'[40,60]','[0.37645572560539164,0.3219155911947645]');
INSERT INTO metric_batches VALUES(18,1,2,4,'accuracy','test',40,60,'[40,60]','[0.888,0.9025]');
INSERT INTO metric_batches VALUES(25,2,1,0,'loss','validation',0,20,'[0,20]','[2.896041025400162,0.5351054654087078]');
INSERT INTO metric_batches VALUES(25,2,1,1,'accuracy','validation',0,20,'[0,20]','[0.1032,0.8258]');
INSERT INTO metric_batches VALUES(25,2,1,2,'loss','test',0,20,'[0,20]','[2.921443538850546,0.5228840281874287]');
INSERT INTO metric_batches VALUES(25,2,1,3,'accuracy','test',0,20,'[0,20]','[0.0968,0.8338]');
INSERT INTO metric_batches VALUES(25,2,1,4,'loss','train',20,20,'[20]','[1.0566105532513723]');
INSERT INTO metric_batches VALUES(20,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.45224864710884505,0.42567501647782047,0.35103763130610466]');
INSERT INTO metric_batches VALUES(20,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.8616,0.8694,0.888]');
INSERT INTO metric_batches VALUES(20,1,1,2,'loss','test',20,60,'[20,40,60]','[0.43826900365067606,0.4159356409496597,0.343918901859944]');
INSERT INTO metric_batches VALUES(20,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8684,0.871,0.8913]');
INSERT INTO metric_batches VALUES(20,1,1,4,'loss','train',40,60,'[40,60]','[0.4188534359439059,0.34522081123456827]');
INSERT INTO metric_batches VALUES(26,2,1,0,'loss','validation',20,40,'[20,40]','[0.5351054654087078,0.4317905793985912]');
INSERT INTO metric_batches VALUES(26,2,1,1,'accuracy','validation',20,40,'[20,40]','[0.8258,0.8634]');
INSERT INTO metric_batches VALUES(26,2,1,2,'loss','test',20,40,'[20,40]','[0.5228840281874287,0.4367776002756031]');
INSERT INTO metric_batches VALUES(26,2,1,3,'accuracy','test',20,40,'[20,40]','[0.8338,0.8698]');
INSERT INTO metric_batches VALUES(26,2,1,4,'loss','train',40,40,'[40]','[0.48600796726049617]');
INSERT INTO metric_batches VALUES(26,2,2,0,'loss','train',60,60,'[60]','[0.382510753999437]');
INSERT INTO metric_batches VALUES(26,2,2,1,'loss','validation',60,60,'[60]','[0.3197012707758809]');
INSERT INTO metric_batches VALUES(26,2,2,2,'accuracy','validation',60,60,'[60]','[0.9008]');
INSERT INTO metric_batches VALUES(26,2,2,3,'loss','test',60,60,'[60]','[0.31387814196714997]');
INSERT INTO metric_batches VALUES(26,2,2,4,'accuracy','test',60,60,'[60]','[0.9036]');
INSERT INTO metric_batches VALUES(22,1,1,0,'loss','validation',20,60,'[20,40,60]','[0.44138930806139504,0.35631537022307713,0.3005266873537655]');
INSERT INTO metric_batches VALUES(22,1,1,1,'accuracy','validation',20,60,'[20,40,60]','[0.8582,0.8924,0.9048]');
INSERT INTO metric_batches VALUES(22,1,1,2,'loss','test',20,60,'[20,40,60]','[0.4393180631998798,0.3535123701409775,0.29198853307450906]');
INSERT INTO metric_batches VALUES(22,1,1,3,'accuracy','test',20,60,'[20,40,60]','[0.8575,0.8944,0.9103]');
INSERT INTO metric_batches VALUES(22,1,1,4,'loss','train',40,60,'[40,60]','[0.4000359122519283,0.3570533524413455]');
CREATE TABLE measures (
  job integer not null,
  at text not null check (at in ('last', 'early_stop')),
  name text not null,
  split text not null,
  value real,          -- null: not a number
  primary key (job, at, name, split)
);
INSERT INTO measures VALUES(1,'last','loss','train',1.1567067565504087767);
INSERT INTO measures VALUES(1,'last','loss','validation',0.51386155791023380157);
INSERT INTO measures VALUES(1,'last','accuracy','validation',0.83799999999999996713);
INSERT INTO measures VALUES(1,'last','loss','test',0.50117708635941848882);
INSERT INTO measures VALUES(1,'last','accuracy','test',0.84350000000000002753);
INSERT INTO measures VALUES(1,'early_stop','loss','train',1.1567067565504087767);
INSERT INTO measures VALUES(1,'early_stop','loss','validation',0.51386155791023380157);
INSERT INTO measures VALUES(1,'early_stop','accuracy','validation',0.83799999999999996713);
INSERT INTO measures VALUES(1,'early_stop','loss','test',0.50117708635941848882);
INSERT INTO measures VALUES(1,'early_stop','accuracy','test',0.84350000000000002753);
INSERT INTO measures VALUES(2,'last','loss','train',0.38262653656242651134);
INSERT INTO measures VALUES(2,'last','loss','validation',0.35001252440603308757);
INSERT INTO measures VALUES(2,'last','accuracy','validation',0.88819999999999998951);
INSERT INTO measures VALUES(2,'last','loss','test',0.35238868645911741728);
INSERT INTO measures VALUES(2,'last','accuracy','test',0.89019999999999999129);
INSERT INTO measures VALUES(2,'early_stop','loss','train',0.38262653656242651134);
INSERT INTO measures VALUES(2,'early_stop','loss','validation',0.35001252440603308757);
INSERT INTO measures VALUES(2,'early_stop','accuracy','validation',0.88819999999999998951);
INSERT INTO measures VALUES(2,'early_stop','loss','test',0.35238868645911741728);
INSERT INTO measures VALUES(2,'early_stop','accuracy','test',0.89019999999999999129);
INSERT INTO measures VALUES(7,'last','loss','train',1.0273646561396660992);
INSERT INTO measures VALUES(7,'last','loss','validation',0.50296847254684939887);
INSERT INTO measures VALUES(7,'last','accuracy','validation',0.83760000000000001119);
INSERT INTO measures VALUES(7,'last','loss','test',0.48066866268305391551);
INSERT INTO measures VALUES(7,'last','accuracy','test',0.85070000000000001172);
INSERT INTO measures VALUES(7,'early_stop','loss','train',1.0273646561396660992);
INSERT INTO measures VALUES(7,'early_stop','loss','validation',0.50296847254684939887);
INSERT INTO measures VALUES(7,'early_stop','accuracy','validation',0.83760000000000001119);
INSERT INTO measures VALUES(7,'early_stop','loss','test',0.48066866268305391551);
INSERT INTO measures VALUES(7,'early_stop','accuracy','test',0.85070000000000001172);
INSERT INTO measures VALUES(8,'last','loss','train',0.41924376274428637456);
INSERT INTO measures VALUES(8,'last','loss','validation',0.34107836438833266656);
INSERT INTO measures VALUES(8,'last','accuracy','validation',0.89619999999999999662);
INSERT INTO measures VALUES(8,'last','loss','test',0.34020763708308082717);
INSERT INTO measures VALUES(8,'last','accuracy','test',0.89859999999999995434);
INSERT INTO measures VALUES(8,'early_stop','loss','train',0.41924376274428637456);
INSERT INTO measures VALUES(8,'early_stop','loss','validation',0.34107836438833266656);
INSERT INTO measures VALUES(8,'early_stop','accuracy','validation',0.89619999999999999662);
INSERT INTO measures VALUES(8,'early_stop','loss','test',0.34020763708308082717);
INSERT INTO measures VALUES(8,'early_stop','accuracy','test',0.89859999999999995434);
INSERT INTO measures VALUES(4,'last','loss','train',0.38621083230461933366);
INSERT INTO measures VALUES(4,'last','loss','validation',0.35211944411216927752);
INSERT INTO measures VALUES(4,'last','accuracy','validation',0.8938000000000000389);
INSERT INTO measures VALUES(4,'last','loss','test',0.34272275695360415737);
INSERT INTO measures VALUES(4,'last','accuracy','test',0.89759999999999995345);
INSERT INTO measures VALUES(4,'early_stop','loss','train',0.38621083230461933366);
INSERT INTO measures VALUES(4,'early_stop','loss','validation',0.35211944411216927752);
INSERT INTO measures VALUES(4,'early_stop','accuracy','validation',0.8938000000000000389);
INSERT INTO measures VALUES(4,'early_stop','loss','test',0.34272275695360415737);
INSERT INTO measures VALUES(4,'early_stop','accuracy','test',0.89759999999999995345);
INSERT INTO measures VALUES(14,'last','loss','train',0.44776820570544062505);
INSERT INTO measures VALUES(14,'last','loss','validation',0.35456656646281337064);
INSERT INTO measures VALUES(14,'last','accuracy','validation',0.89000000000000001332);
INSERT INTO measures VALUES(14,'last','loss','test',0.35440588628092117851);
INSERT INTO measures VALUES(14,'last','accuracy','test',0.89829999999999998738);
INSERT INTO measures VALUES(14,'early_stop','loss','train',0.44776820570544062505);
INSERT INTO measures VALUES(14,'early_stop','loss','validation',0.35456656646281337064);
INSERT INTO measures VALUES(14,'early_stop','accuracy','validation',0.89000000000000001332);
INSERT INTO measures VALUES(14,'early_stop','loss','test',0.35440588628092117851);
INSERT INTO measures VALUES(14,'early_stop','accuracy','test',0.89829999999999998738);
INSERT INTO measures VALUES(10,'last','loss','train',0.30464213578460896947);
INSERT INTO measures VALUES(10,'last','loss','validation',0.31531738319730573394);
INSERT INTO measures VALUES(10,'last','accuracy','validation',0.90039999999999997815);
INSERT INTO measures VALUES(10,'last','loss','test',0.30857371169217684414);
INSERT INTO measures VALUES(10,'last','accuracy','test',0.90539999999999998259);
INSERT INTO measures VALUES(10,'early_stop','loss','train',0.30464213578460896947);
INSERT INTO measures VALUES(10,'early_stop','loss','validation',0.31531738319730573394);
INSERT INTO measures VALUES(10,'early_stop','accuracy','validation',0.90039999999999997815);
INSERT INTO measures VALUES(10,'early_stop','loss','test',0.30857371169217684414);
INSERT INTO measures VALUES(10,'early_stop','accuracy','test',0.90539999999999998259);
INSERT INTO measures VALUES(16,'last','loss','train',0.43140479836201450769);
INSERT INTO measures VALUES(16,'last','loss','validation',0.37269401684054009882);
INSERT INTO measures VALUES(16,'last','accuracy','validation',0.88280000000000002913);
INSERT INTO measures VALUES(16,'last','loss','test',0.37341209229908983724);
INSERT INTO measures VALUES(16,'last','accuracy','test',0.89159999999999994813);
INSERT INTO measures VALUES(16,'early_stop','loss','train',0.43140479836201450769);
INSERT INTO measures VALUES(16,'early_stop','loss','validation',0.37269401684054009882);
INSERT INTO measures VALUES(16,'early_stop','accuracy','validation',0.88280000000000002913);
INSERT INTO measures VALUES(16,'early_stop','loss','test',0.37341209229908983724);
INSERT INTO measures VALUES(16,'early_stop','accuracy','test',0.89159999999999994813);
INSERT INTO measures VALUES(13,'last','loss','train',0.42252203418970751824);
INSERT INTO measures VALUES(13,'last','loss','validation',0.37448778265160936884);
INSERT INTO measures VALUES(13,'last','accuracy','validation',0.8768000000000000238);
INSERT INTO measures VALUES(13,'last','loss','test',0.36655458125144430026);
INSERT INTO measures VALUES(13,'last','accuracy','test',0.88400000000000000799);
INSERT INTO measures VALUES(13,'early_stop','loss','train',0.42252203418970751824);
INSERT INTO measures VALUES(13,'early_stop','loss','validation',0.37448778265160936884);
INSERT INTO measures VALUES(13,'early_stop','accuracy','validation',0.8768000000000000238);
INSERT INTO measures VALUES(13,'early_stop','loss','test',0.36655458125144430026);
INSERT INTO measures VALUES(13,'early_stop','accuracy','test',0.88400000000000000799);
INSERT INTO measures VALUES(15,'last','loss','train',0.42128171044136514256);
INSERT INTO measures VALUES(15,'last','loss','validation',0.33937633544503786886);
INSERT INTO measures VALUES(15,'last','accuracy','validation',0.89559999999999995168);
INSERT INTO measures VALUES(15,'last','loss','test',0.33458623090903766295);
INSERT INTO measures VALUES(15,'last','accuracy','test',0.90229999999999999094);
INSERT INTO measures VALUES(15,'early_stop','loss','train',0.42128171044136514256);
INSERT INTO measures VALUES(15,'early_stop','loss','validation',0.33937633544503786886);
INSERT INTO measures VALUES(15,'early_stop','accuracy','validation',0.89559999999999995168);
INSERT INTO measures VALUES(15,'early_stop','loss','test',0.33458623090903766295);
INSERT INTO measures VALUES(15,'early_stop','accuracy','test',0.90229999999999999094);
INSERT INTO measures VALUES(6,'last','loss','train',0.33567639038715796351);
INSERT INTO measures VALUES(6,'last','loss','validation',0.31091173882439554487);
INSERT INTO measures VALUES(6,'last','accuracy','validation',0.90659999999999996145);
INSERT INTO measures VALUES(6,'last','loss','test',0.30631118199277790337);
INSERT INTO measures VALUES(6,'last','accuracy','test',0.90869999999999995221);
INSERT INTO measures VALUES(6,'early_stop','loss','train',0.33567639038715796351);
INSERT INTO measures VALUES(6,'early_stop','loss','validation',0.31091173882439554487);
INSERT INTO measures VALUES(6,'early_stop','accuracy','validation',0.90659999999999996145);
INSERT INTO measures VALUES(6,'early_stop','loss','test',0.30631118199277790337);
INSERT INTO measures VALUES(6,'early_stop','accuracy','test',0.90869999999999995221);
INSERT INTO measures VALUES(12,'last','loss','train',0.31015530018415965463);
INSERT INTO measures VALUES(12,'last','loss','validation',0.30534326505761127945);
INSERT INTO measures VALUES(12,'last','accuracy','validation',0.9080000000000000293);
INSERT INTO measures VALUES(12,'last','loss','test',0.30494775084212411009);
INSERT INTO measures VALUES(12,'last','accuracy','test',0.90949999999999997513);
INSERT INTO measures VALUES(12,'early_stop','loss','train',0.31015530018415965463);
INSERT INTO measures VALUES(12,'early_stop','loss','validation',0.30534326505761127945);
INSERT INTO measures VALUES(12,'early_stop','accuracy','validation',0.9080000000000000293);
INSERT INTO measures VALUES(12,'early_stop','loss','test',0.30494775084212411009);
INSERT INTO measures VALUES(12,'early_stop','accuracy','test',0.90949999999999997513);
INSERT INTO measures VALUES(17,'last','loss','train',1.1498309530383619136);
INSERT INTO measures VALUES(17,'last','loss','validation',0.527923932773189164);
INSERT INTO measures VALUES(17,'last','accuracy','validation',0.83699999999999996624);
INSERT INTO measures VALUES(17,'last','loss','test',0.51260348596511662311);
INSERT INTO measures VALUES(17,'last','accuracy','test',0.84479999999999999538);
INSERT INTO measures VALUES(17,'early_stop','loss','train',1.1498309530383619136);
INSERT INTO measures VALUES(17,'early_stop','loss','validation',0.527923932773189164);
INSERT INTO measures VALUES(17,'early_stop','accuracy','validation',0.83699999999999996624);
INSERT INTO measures VALUES(17,'early_stop','loss','test',0.51260348596511662311);
INSERT INTO measures VALUES(17,'early_stop','accuracy','test',0.84479999999999999538);
INSERT INTO measures VALUES(18,'last','loss','train',0.3482241543446675247);
INSERT INTO measures VALUES(18,'last','loss','validation',0.33119531475782248985);
INSERT INTO measures VALUES(18,'last','accuracy','validation',0.89800000000000002042);
INSERT INTO measures VALUES(18,'last','loss','test',0.32191559119476448325);
INSERT INTO measures VALUES(18,'last','accuracy','test',0.90249999999999996891);
INSERT INTO measures VALUES(18,'early_stop','loss','train',0.3482241543446675247);
INSERT INTO measures VALUES(18,'early_stop','loss','validation',0.33119531475782248985);
INSERT INTO measures VALUES(18,'early_stop','accuracy','validation',0.89800000000000002042);
INSERT INTO measures VALUES(18,'early_stop','loss','test',0.32191559119476448325);
INSERT INTO measures VALUES(18,'early_stop','accuracy','test',0.90249999999999996891);
INSERT INTO measures VALUES(25,'last','loss','train',1.0566105532513723197);
INSERT INTO measures VALUES(25,'last','loss','validation',0.5351054654087078477);
INSERT INTO measures VALUES(25,'last','accuracy','validation',0.8257999999999999785);
INSERT INTO measures VALUES(25,'last','loss','test',0.52288402818742873989);
INSERT INTO measures VALUES(25,'last','accuracy','test',0.83379999999999998561);
INSERT INTO measures VALUES(25,'early_stop','loss','train',1.0566105532513723197);
INSERT INTO measures VALUES(25,'early_stop','loss','validation',0.5351054654087078477);
INSERT INTO measures VALUES(25,'early_stop','accuracy','validation',0.8257999999999999785);
INSERT INTO measures VALUES(25,'early_stop','loss','test',0.52288402818742873989);
INSERT INTO measures VALUES(25,'early_stop','accuracy','test',0.83379999999999998561);
INSERT INTO measures VALUES(20,'last','loss','train',0.34522081123456827);
INSERT INTO measures VALUES(20,'last','loss','validation',0.35103763130610465825);
INSERT INTO measures VALUES(20,'last','accuracy','validation',0.88800000000000001154);
INSERT INTO measures VALUES(20,'last','loss','test',0.34391890185994400397);
INSERT INTO measures VALUES(20,'last','accuracy','test',0.89129999999999998117);
INSERT INTO measures VALUES(20,'early_stop','loss','train',0.34522081123456827);
INSERT INTO measures VALUES(20,'early_stop','loss','validation',0.35103763130610465825);
INSERT INTO measures VALUES(20,'early_stop','accuracy','validation',0.88800000000000001154);
INSERT INTO measures VALUES(20,'early_stop','loss','test',0.34391890185994400397);
INSERT INTO measures VALUES(20,'early_stop','accuracy','test',0.89129999999999998117);
INSERT INTO measures VALUES(26,'last','loss','train',0.38251075399943701427);
INSERT INTO measures VALUES(26,'last','loss','validation',0.31970127077588089692);
INSERT INTO measures VALUES(26,'last','accuracy','validation',0.90080000000000004511);
INSERT INTO measures VALUES(26,'last','loss','test',0.31387814196714997061);
INSERT INTO measures VALUES(26,'last','accuracy','test',0.90359999999999995878);
INSERT INTO measures VALUES(26,'early_stop','loss','train',0.38251075399943701427);
INSERT INTO measures VALUES(26,'early_stop','loss','validation',0.31970127077588089692);
INSERT INTO measures VALUES(26,'early_stop','accuracy','validation',0.90080000000000004511);
INSERT INTO measures VALUES(26,'early_stop','loss','test',0.31387814196714997061);
INSERT INTO measures VALUES(26,'early_stop','accuracy','test',0.90359999999999995878);
INSERT INTO measures VALUES(22,'last','loss','train',0.3570533524413455062);
INSERT INTO measures VALUES(22,'last','loss','validation',0.30052668735376547592);
INSERT INTO measures VALUES(22,'last','accuracy','validation',0.90480000000000004867);
INSERT INTO measures VALUES(22,'last','loss','test',0.29198853307450906013);
INSERT INTO measures VALUES(22,'last','accuracy','test',0.91029999999999999804);
INSERT INTO measures VALUES(22,'early_stop','loss','train',0.3570533524413455062);
INSERT INTO measures VALUES(22,'early_stop','loss','validation',0.30052668735376547592);
INSERT INTO measures VALUES(22,'early_stop','accuracy','validation',0.90480000000000004867);
INSERT INTO measures VALUES(22,'early_stop','loss','test',0.29198853307450906013);
INSERT INTO measures VALUES(22,'early_stop','accuracy','test',0.91029999999999999804);
CREATE TABLE mask_layers (
  job integer not null,
  layer integer not null,
  name text not null,
  living integer not null,
  total integer not null,
  prunable boolean not null,
  primary key (job, layer)
);
INSERT INTO mask_layers VALUES(3,0,'fc_layers.0.weight',188160,235200,1);
INSERT INTO mask_layers VALUES(3,1,'fc_layers.1.weight',24000,30000,1);
INSERT INTO mask_layers VALUES(3,2,'fc.weight',800,1000,1);
INSERT INTO mask_layers VALUES(5,0,'fc_layers.0.weight',150528,235200,1);
INSERT INTO mask_layers VALUES(5,1,'fc_layers.1.weight',19200,30000,1);
INSERT INTO mask_layers VALUES(5,2,'fc.weight',640,1000,1);
INSERT INTO mask_layers VALUES(9,0,'fc_layers.0.weight',188160,235200,1);
INSERT INTO mask_layers VALUES(9,1,'fc_layers.1.weight',24000,30000,1);
INSERT INTO mask_layers VALUES(9,2,'fc.weight',800,1000,1);
INSERT INTO mask_layers VALUES(11,0,'fc_layers.0.weight',150528,235200,1);
INSERT INTO mask_layers VALUES(11,1,'fc_layers.1.weight',19200,30000,1);
INSERT INTO mask_layers VALUES(11,2,'fc.weight',640,1000,1);
INSERT INTO mask_layers VALUES(19,0,'fc_layers.0.weight',188160,235200,1);
INSERT INTO mask_layers VALUES(19,1,'fc_layers.1.weight',24000,30000,1);
INSERT INTO mask_layers VALUES(19,2,'fc.weight',800,1000,1);
INSERT INTO mask_layers VALUES(21,0,'fc_layers.0.weight',150528,235200,1);
INSERT INTO mask_layers VALUES(21,1,'fc_layers.1.weight',19200,30000,1);
INSERT INTO mask_layers VALUES(21,2,'fc.weight',640,1000,1);
CREATE TABLE data_sets (
  name text primary key,
  digest text not null,
  shape text not null,
  bound text not null
);
INSERT INTO data_sets VALUES('cifar10-jpeg75','a2f01c3814463e9c823073f6ccc0bd003c637bb24f395f6e2173b8759f88ac28','{"train":50000,"test":10000,"image":[3,32,32],"classes":10,"mean":[0.4914,0.4822,0.4465],"std":[0.247,0.2435,0.2616]}','2026-11-28T20:41:38.148Z');
INSERT INTO data_sets VALUES('fashion_mnist','7ae8c5c5f9c244ea0fbbcafe24f5a05c77569b23fb7ab6acd636cf4e549e98c0','{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.286,"std":0.353}','2026-11-28T20:41:38.148Z');
INSERT INTO data_sets VALUES('mnist','85d929db89610d0fe84dfc39954f22e999bb07c355ef6120b0b379f8e2b919fe','{"train":60000,"test":10000,"image":[1,28,28],"classes":10,"mean":0.1307,"std":0.3081}','2026-11-28T20:41:38.148Z');
CREATE TABLE pins (
  digest text primary key,
  expires text not null
);
CREATE TABLE metric_kinds (
  name text primary key,
  unit text not null,
  direction text not null check (direction in ('lower', 'higher'))
);
INSERT INTO metric_kinds VALUES('loss','nat','lower');
INSERT INTO metric_kinds VALUES('accuracy','fraction','higher');
CREATE TABLE analysis_jobs (
  trial integer not null,
  analysis text not null,
  branch text not null,
  copy integer not null,
  round integer not null,
  first integer not null,          -- the solutions compared; twice the same for the training of one
  second integer not null,
  ends text not null,              -- copies, rounds
  job integer not null references jobs (id),
  primary key (trial, analysis, branch, copy, round, first, second),
  foreign key (trial, branch, copy, round) references rounds (trial, branch, copy, round)
);
CREATE TABLE curve_points (
  job integer not null,
  bn text not null,
  split text not null,
  alpha real not null,
  loss real,                     -- null: not a number
  error real not null,
  primary key (job, bn, split, alpha)
);
CREATE TABLE slim_sizes (
  job integer not null,
  network text not null,         -- masked, slim
  name text not null,            -- of the smaller network
  parameters integer not null,
  weights integer not null,
  flops integer not null,
  bytes integer not null,
  latency_seconds real not null,
  batch integer not null,
  difference real,               -- null: not a number
  primary key (job, network)
);
CREATE TABLE collapse_points (
  job integer not null,
  criterion text not null,
  exponent real not null,          -- of ten: the compression tried
  living integer not null,
  emptied integer not null,            -- weight tensors of which nothing is left
  layer text,                      -- the first of them
  greatest real not null,          -- exponent of the largest compression with one weight in each layer
  primary key (job, exponent)
);
CREATE TABLE mask_distances (
  job integer not null,
  first integer not null,
  second integer not null,
  layer integer not null,
  name text,                       -- null: all layers together
  living_first integer not null,
  living_second integer not null,
  living_both integer not null,
  total integer not null,
  primary key (job, first, second, layer)
);
CREATE TABLE found_tickets (
  job integer primary key,
  epoch integer not null,
  iteration integer not null
);
CREATE TABLE epoch_distances (
  job integer not null,
  first integer not null,          -- epochs trained before
  second integer not null,
  distance real not null,
  primary key (job, first, second)
);
CREATE TABLE given_files (
  digest text primary key,
  bytes integer not null
);
CREATE TABLE verdicts (
  trial integer not null references trials (id),
  rule text not null check (rule in ('select', 'until')),
  round integer not null,
  goes_on boolean not null,
  metric text not null,
  at text not null,
  value real,                      -- null: training diverged
  bar real not null,
  decided text not null,
  primary key (trial, rule, round)
);
CREATE TABLE access_tokens (
  id integer primary key,
  name text not null,
  role text not null check (role in ('reader', 'client', 'worker')),
  hash text not null unique,       -- of 256 random bits: the secret itself is kept by nobody but its holder
  created integer not null,        -- milliseconds since 1970 UTC, as the next two
  expires integer,                 -- null: never
  revoked integer                  -- null: it was not
);
CREATE TABLE audit_log (
  id integer primary key,
  at text not null,
  actor text not null,
  role text not null,
  peer text not null,
  action text not null,
  subject text not null
);
CREATE TABLE dropped_outputs (
  job integer not null,
  output text not null,
  digest text not null,
  bytes integer not null,
  dropped text not null,
  primary key (job, output)
);
CREATE TABLE replaced_jobs (
  job integer primary key,
  maker integer not null            -- the newest job that makes again what was dropped of it
);
CREATE INDEX jobs_living on jobs (id) where state in ('open', 'leased', 'failed', 'quarantined');
CREATE INDEX jobs_leased on jobs (lease) where state = 'leased';
CREATE INDEX round_jobs_job on round_jobs (job);
CREATE INDEX claims_job on claims (job);
CREATE VIEW trial as
select s.name as sweep, t.number as trial, t.key, t.seed, t.repeat, t.settings_key, t.axes, t.settings,
       t.total, t.prunable
from trials t join sweeps s on s.id = t.sweep;
CREATE VIEW sweep_progress as
select s.name as sweep, s.state,
       count(c.job) as jobs,
       count(case when j.state = 'done' then 1 end) as done,
       count(case when j.state = 'leased' then 1 end) as leased,
       count(case when j.state = 'open' then 1 end) as open,
       count(case when j.state = 'failed' then 1 end) as failed,
       count(case when j.state = 'quarantined' then 1 end) as quarantined,
       count(case when c.shared then 1 end) as shared,
       cast(coalesce(sum(p.iterations), 0) as integer) as iterations,
       cast(coalesce(sum(case when j.state = 'done' then p.iterations end), 0) as integer) as iterations_done,
       s.created, s.changed
from sweeps s
left join claims c on c.sweep = s.id
left join jobs j on j.id = c.job
left join job_specs p on p.job = c.job
group by s.id, s.name, s.state, s.created, s.changed;
CREATE VIEW round_result as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, r.branch, r.kind, r.copy, r.round,
       (select case min(case j.state when 'failed' then 1 when 'quarantined' then 2 when 'leased' then 3
                                     when 'open' then 4 when 'unwanted' then 5 else 6 end)
               when 1 then 'failed' when 2 then 'quarantined' when 3 then 'leased'
               when 4 then 'open' when 5 then 'unwanted' else 'done' end
        from round_jobs x join jobs j on j.id = x.job
        where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round) as state,
       case when r.mask is null then t.total else k.living end as living,
       t.total, t.prunable,
       case when r.mask is null then 1.0 else cast(k.living as real) / t.total end as density,
       case when r.mask is null then 1.0
            else cast(k.living - t.total + t.prunable as real) / nullif(t.prunable, 0)
       end as density_prunable,
       r.density as density_planned,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'loss' and m.split = 'train') as loss_train,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'loss' and m.split = 'validation') as loss_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'loss' and m.split = 'test') as loss_test,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'accuracy' and m.split = 'train') as accuracy_train,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'accuracy' and m.split = 'validation') as accuracy_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'last'
          and m.name = 'accuracy' and m.split = 'test') as accuracy_test,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'loss' and m.split = 'train') as early_stop_loss_train,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'loss' and m.split = 'validation') as early_stop_loss_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'loss' and m.split = 'test') as early_stop_loss_test,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'accuracy' and m.split = 'train') as early_stop_accuracy_train,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'accuracy' and m.split = 'validation') as early_stop_accuracy_validation,
       (select m.value from measures m where m.job = r.result and m.at = 'early_stop'
          and m.name = 'accuracy' and m.split = 'test') as early_stop_accuracy_test,
       w.early_stop_iteration,
       case when w.job is not null then p.last_iteration end as iterations
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
left join results k on k.job = r.mask
left join results w on w.job = r.result
left join job_specs p on p.job = r.result;
CREATE VIEW round_measure as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, r.branch, r.kind, r.copy, r.round,
       m.name as metric, m.split, k.unit, k.direction, m.at,
       case m.at when 'last' then p.last_iteration else w.early_stop_iteration end as iteration, m.value
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join measures m on m.job = r.result
join job_specs p on p.job = r.result
left join results w on w.job = r.result
left join metric_kinds k on k.name = m.name;
CREATE VIEW layer_density as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       l.layer, l.name, l.living, l.total, l.prunable, cast(l.living as real) / l.total as density
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join mask_layers l on l.job = r.mask;
CREATE VIEW worker_status as
select w.id as worker, w.name, w.host, w.version, w.state, w.since,
       json_array_length(w.info, '$.slots') as slots,
       (select count(*) from jobs j join packs k on k.lease = j.lease
        where j.state = 'leased' and k.worker = w.id) as leased
from workers w;
CREATE VIEW sweep as
select s.id, s.name as sweep, s.state, (select count(*) from trials t where t.sweep = s.id) as trials, s.source,
       s.created, s.changed
from sweeps s;
CREATE VIEW metric as
select sweep, trial, seed, branch, kind, copy, round, job, attempt, metric, split, unit, direction, iteration, value
from (
  select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
         b.job, b.attempt, b.name as metric, b.split, k.unit, k.direction, e.value as iteration, b.points ->> e.key as value,
         row_number() over (
           partition by s.name, t.number, t.seed, r.branch, r.kind, r.copy, r.round, b.job, b.name, b.split, k.unit,
                        k.direction, e.value
           order by b.attempt desc, b.batch desc) as told
  from round_jobs r0
  join rounds r on r.trial = r0.trial and r.branch = r0.branch and r.copy = r0.copy and r.round = r0.round
  join trials t on t.id = r.trial
  join sweeps s on s.id = t.sweep
  join metric_batches b on b.job = r0.job
  join json_each(b.iterations) e
  left join metric_kinds k on k.name = b.name
  where r0.ordinal > 0) as points
where told = 1;
CREATE VIEW job_history as
select a.job, p.kind, j.fingerprint, j.state, a.attempt, w.name as worker, k.slot, k.device, k.plan, k.width,
       k.granted, a.started, a.ended, a.how, a.from_iteration, a.failure_class, a.message
from attempts a
join jobs j on j.id = a.job
join job_specs p on p.job = a.job
left join packs k on k.lease = a.lease
left join workers w on w.id = k.worker
where a.started is not null or a.how is null or a.how not in ('recalled', 'drained', 'cancelled');
CREATE INDEX analysis_jobs_job on analysis_jobs (job);
CREATE VIEW round_job as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round,
       x.ordinal, x.job, p.kind as job_kind, j.state as job_state, j.fingerprint, x.analysis
from (select trial, branch, copy, round, ordinal, job, '' as analysis from round_jobs
      union all
      select trial, branch, copy, round, null as ordinal, job, analysis from analysis_jobs) as x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join jobs j on j.id = x.job
join job_specs p on p.job = x.job;
CREATE VIEW failure as
select s.name as sweep, t.number as trial, t.seed, r.branch, r.copy, r.round,
       a.job, p.kind, j.state, a.attempt, a.failure_class as class, a.message, w.name as worker, a.ended, r.analysis
from attempts a
join jobs j on j.id = a.job
join job_specs p on p.job = a.job
join (select trial, branch, copy, round, job, '' as analysis from round_jobs
      union all
      select trial, branch, copy, round, job, analysis from analysis_jobs) as r on r.job = a.job
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
left join packs k on k.lease = a.lease
left join workers w on w.id = k.worker
where a.failure_class is not null;
CREATE VIEW connectivity as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, x.analysis, r.branch, r.kind, r.copy, r.round,
       case when r.mask is null then 1.0 else cast(k.living as real) / t.total end as density,
       x.ends, x.first, x.second, c.bn, c.split, c.alpha, c.loss, c.error, x.job
from analysis_jobs x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join curve_points c on c.job = x.job
left join results k on k.job = r.mask;
CREATE VIEW error_barrier as
with line as (
  select *, max(error) over pair as highest,
         max(case when alpha = 0 then error end) over pair as error_first,
         max(case when alpha = 1 then error end) over pair as error_second
  from connectivity
  window pair as (partition by sweep, trial, analysis, branch, copy, round, first, second, bn, split)),
one as (
  select *, 100 * (highest - (error_first + error_second) / 2) as barrier from line where alpha = 0),
every as (
  select *, avg(barrier) over pairs as mean_barrier, count(barrier) over pairs as n_pairs
  from one window pairs as (partition by sweep, trial, analysis, branch, copy, round, bn, split))
select sweep, trial, seed, repeat, settings_key, analysis, branch, kind, copy, round, density, ends, first, second, bn,
       split, error_first, error_second, barrier, mean_barrier, n_pairs,
       case when ends <> 'copies' then null when mean_barrier < 2 then 1 else 0 end as stable
from every;
CREATE VIEW seed_result as
select s.name as sweep, t.settings_key, r.kind, r.branch, r.round,
       avg(case when r.mask is null then 1.0 else cast(k.living as real) / t.total end) as density,
       t.seed, m.name as metric, m.split, m.at, avg(m.value) as value, count(m.value) as n_runs,
       avg(cast(w.early_stop_iteration as real)) as early_stop_iteration, r.course
from rounds r
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
join measures m on m.job = r.result
left join results k on k.job = r.mask
left join results w on w.job = r.result
where m.value is not null
group by s.name, t.settings_key, r.kind, r.branch, r.course, r.round, t.seed, m.name, m.split, m.at;
CREATE VIEW matching as
with own as (
  select *, avg(value) over (partition by sweep, settings_key, course, metric, split, at, kind, branch, round) as mean,
         case when is_ticket and round = 0 then value end as dense
  from (select *, (branch = course) as is_ticket from seed_result) as told),
control as (
  select *, avg(case when kind = 'reinit' then value end) over seeds as reinit,
         avg(case when kind = 'random_mask' then value end) over seeds as random_mask
  from own window seeds as (partition by sweep, settings_key, course, metric, split, at, round, seed)),
dense_seed as (
  select *, max(dense) over (partition by sweep, settings_key, course, metric, split, at, seed) as dense_value
  from control),
dense_centre as (
  select *, avg(dense) over (partition by sweep, settings_key, course, metric, split, at) as dense_mean
  from dense_seed),
dense_spread as (
  select *, sum((dense - dense_mean) * (dense - dense_mean)) over settings / nullif(count(dense) over settings - 1, 0)
           as dense_variance
  from dense_centre window settings as (partition by sweep, settings_key, course, metric, split, at))
select d.sweep, d.settings_key, d.kind, d.branch, d.round, d.density, d.seed, d.metric, d.split, d.at, k.unit, d.value,
       d.n_runs, d.early_stop_iteration, d.mean, d.dense_value, d.dense_mean,
       (with recursive newton (x, step) as (
          select dense_variance, 0
          union all
          select (x + dense_variance / x) / 2, step + 1 from newton
          where dense_variance > 0 and step < 80 and abs(x * x - dense_variance) > 4e-16 * dense_variance)
        select x from newton order by step desc limit 1) as dense_sd,
       case when d.is_ticket then d.reinit end as reinit_value,
       case when d.is_ticket then d.random_mask end as random_mask_value,
       case when d.dense_mean is null or k.direction is null then null
            when k.direction = 'higher' and d.value >= d.dense_mean then 1
            when k.direction = 'lower' and d.value <= d.dense_mean then 1
            when (d.value - d.dense_mean) * (d.value - d.dense_mean) <= d.dense_variance then 1
            else 0 end as matching,
       d.course
from dense_spread d
left join metric_kinds k on k.name = d.metric;
CREATE VIEW ticket_curve as
select sweep, settings_key, kind, branch, round, mean_density as density, metric, split, at, unit, mean,
       (with recursive newton (x, step) as (
          select variance, 0
          union all
          select (x + variance / x) / 2, step + 1 from newton
          where variance > 0 and step < 80 and abs(x * x - variance) > 4e-16 * variance)
        select x from newton order by step desc limit 1) as sd,
       min, max, n_seeds, n_seed_runs as n_runs, mean_early_stop as early_stop_iteration,
       paired_dense, paired_reinit, paired_random_mask, share_matching, course
from (select *, min(seed) over line as first_seed, avg(density) over line as mean_density,
             sum((value - mean) * (value - mean)) over line / nullif(count(*) over line - 1, 0) as variance,
             min(value) over line as min, max(value) over line as max,
             count(*) over line as n_seeds, sum(n_runs) over line as n_seed_runs,
             avg(early_stop_iteration) over line as mean_early_stop,
             avg(value - dense_value) over line as paired_dense,
             avg(value - reinit_value) over line as paired_reinit,
             avg(value - random_mask_value) over line as paired_random_mask,
             avg(cast(matching as real)) over line as share_matching
      from matching
      window line as (partition by sweep, settings_key, kind, branch, course, round, metric, split, at)) as line
where seed = first_seed;
CREATE VIEW untrained_result as
select m.sweep, m.trial, m.seed, m.branch, m.kind, m.copy, m.round, m.metric, m.split, m.unit, m.direction, m.iteration, m.value
from metric m
join job_specs p on p.job = m.job and m.iteration = p.last_iteration - p.iterations;
CREATE VIEW job_result as
select e.job, p.kind, j.fingerprint, e.iterations, e.flops, e.device_seconds, e.early_stop_iteration,
       e.living, e.total, e.prunable,
       e.plan, e.device, e.threads, e.width, e.libtorch, e.capability, e.worker as worker_version, e.data, e.theoretical_flops
from results e
join jobs j on j.id = e.job
join job_specs p on p.job = e.job;
CREATE VIEW analysis_cost as
select s.name as sweep, t.number as trial, t.seed, x.analysis, min(x.branch) as branch, min(x.copy) as copy,
       min(x.round) as round, min(x.first) as first, min(x.second) as second, p.kind as job_kind, x.job, c.shared, e.iterations, e.flops, e.theoretical_flops, e.device_seconds
from analysis_jobs x
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join job_specs p on p.job = x.job
join claims c on c.sweep = t.sweep and c.job = x.job
left join results e on e.job = x.job
group by s.name, t.number, t.seed, x.analysis, p.kind, x.job, c.shared, e.iterations, e.flops, e.theoretical_flops,
         e.device_seconds;
CREATE VIEW sweep_cost as
select s.name as sweep, a.iterations as asked_iterations, a.flops as asked_flops, a.device_seconds as asked_device_seconds,
       r.iterations as run_iterations, r.flops as run_flops, r.theoretical_flops as run_theoretical_flops,
       r.device_seconds as run_device_seconds
from sweeps s
join (select t.sweep, cast(coalesce(sum(e.iterations), 0) as integer) as iterations, cast(coalesce(sum(e.flops), 0) as real) as flops,
             cast(coalesce(sum(e.device_seconds), 0) as real) as device_seconds
      from (select trial, job from round_jobs union all select distinct trial, job from analysis_jobs) as x
      join trials t on t.id = x.trial
      left join results e on e.job = x.job
      group by t.sweep) as a on a.sweep = s.id
join (select c.sweep, cast(coalesce(sum(e.iterations), 0) as integer) as iterations, cast(coalesce(sum(e.flops), 0) as real) as flops,
             cast(coalesce(sum(e.theoretical_flops), 0) as real) as theoretical_flops, cast(coalesce(sum(e.device_seconds), 0) as real) as device_seconds
      from claims c
      left join results e on e.job = c.job and not c.shared
      group by c.sweep) as r on r.sweep = s.id;
CREATE VIEW slim as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, x.analysis, r.branch, r.kind, r.copy, r.round,
       case when r.mask is null then 1.0 else cast(k.living as real) / t.total end as density,
       z.network, z.name, z.parameters, z.weights, z.flops, z.bytes, z.latency_seconds, z.batch, z.difference, x.job
from analysis_jobs x
join rounds r on r.trial = x.trial and r.branch = x.branch and r.copy = x.copy and r.round = x.round
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join slim_sizes z on z.job = x.job
left join results k on k.job = r.mask;
CREATE VIEW collapse as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, x.analysis, x.first as number,
       g.criterion,
       case when last.exponent > g.greatest then g.greatest else last.exponent end as last_alive, c.exponent as first_collapse, c.emptied, c.layer as emptied_layer, g.greatest, x.job
from analysis_jobs x
join trials t on t.id = x.trial
join sweeps s on s.id = t.sweep
join (select job, max(criterion) as criterion, max(greatest) as greatest, min(case when emptied > 0 then exponent end) as dies
      from collapse_points group by job) g on g.job = x.job
left join collapse_points c on c.job = g.job and c.exponent = g.dies
left join collapse_points last on last.job = g.job
  and last.exponent = (select max(b.exponent) from collapse_points b
                       where b.job = g.job and b.emptied = 0 and (g.dies is null or b.exponent < g.dies));
CREATE VIEW mask_distance as
select s.name as sweep, x.analysis, x.ends as compared,
       t.number as first_trial, t.seed as first_seed, t.settings_key as first_settings_key, x.branch as first_branch,
       x.copy as first_copy, x.round as first_round,
       u.number as second_trial, u.seed as second_seed, u.settings_key as second_settings_key, y.branch as second_branch,
       y.copy as second_copy, y.round as second_round,
       case when d.name is not null then d.layer end as layer, d.name,
       d.living_first, d.living_second, d.living_both, d.total,
       cast(d.living_first + d.living_second - 2 * d.living_both as real) / nullif(d.total, 0) as distance,
       cast(d.living_both as real) / nullif(d.living_first + d.living_second - d.living_both, 0) as overlap,
       x.job
from analysis_jobs x
join mask_distances d on d.job = x.job and d.first = x.first and x.first = x.second
join analysis_jobs y on y.job = d.job and y.analysis = x.analysis and y.first = d.second and y.second = d.second
  and (x.ends <> 'rounds' or (y.branch = x.branch and y.copy = x.copy))
join trials t on t.id = x.trial
join trials u on u.id = y.trial and u.sweep = t.sweep and (u.id = t.id or x.ends = 'trials')
join sweeps s on s.id = t.sweep;
CREATE VIEW early_bird as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, f.epoch, f.iteration, f.job
from rounds r
join found_tickets f on f.job = r.mask
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
where r.branch = '';
CREATE VIEW epoch_distance as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, d.first as first_epoch, d.second as second_epoch,
       d.distance, d.job
from rounds r
join epoch_distances d on d.job = r.mask
join trials t on t.id = r.trial
join sweeps s on s.id = t.sweep
where r.branch = '';
CREATE VIEW verdict as
select s.name as sweep, t.number as trial, t.seed, t.repeat, t.settings_key, d.rule, d.round, r.density as density_planned,
       d.metric, k.direction, d.at, d.value, d.bar, d.goes_on, d.decided
from verdicts d
join metric_kinds k on k.name = d.metric
join trials t on t.id = d.trial
join sweeps s on s.id = t.sweep
join rounds r on r.trial = d.trial and r.branch = '' and r.round = d.round;
CREATE VIEW best_over_training as
select sweep, trial, seed, branch, kind, copy, round, metric, split, unit, direction,
       case direction when 'higher' then max(value) else min(value) end as value, count(value) as evaluations
from metric
where split <> 'train'
group by sweep, trial, seed, branch, kind, copy, round, metric, split, unit, direction;
CREATE UNIQUE INDEX access_tokens_name on access_tokens (name) where revoked is null;
CREATE VIEW audit as
select id, at, actor, role, peer, action, subject from audit_log;
CREATE INDEX replaced_jobs_maker on replaced_jobs (maker);
CREATE INDEX job_parents_parent on job_parents (parent);
CREATE VIEW dropped_output as
select d.job, d.output, d.digest, d.bytes, d.dropped, r.maker as made_again_by,
       (select o.digest = d.digest from outputs o where o.job = r.maker and o.output = d.output) as same_bytes
from dropped_outputs d
left join replaced_jobs r on r.job = d.job;
CREATE VIEW sweep_storage as
select s.name as sweep, s.keep,
       count(o.output) as outputs, coalesce(sum(o.bytes), 0) as bytes,
       (select count(*) from claims x join dropped_outputs d on d.job = x.job where x.sweep = s.id) as dropped_outputs,
       (select coalesce(sum(d.bytes), 0) from claims x join dropped_outputs d on d.job = x.job
        where x.sweep = s.id) as dropped_bytes
from sweeps s
left join claims c on c.sweep = s.id
left join outputs o on o.job = c.job
group by s.id, s.name, s.keep;
CREATE VIEW cost as
select sweep, trial, seed, branch, kind, copy, round,
       json_extract(alone, '$[0]') as standalone_iterations,
       json_extract(alone, '$[1]') as standalone_flops,
       json_extract(alone, '$[2]') as standalone_device_seconds,
       json_extract(added, '$[0]') as marginal_iterations,
       json_extract(added, '$[1]') as marginal_flops,
       json_extract(added, '$[2]') as marginal_device_seconds,
       json_extract(alone, '$[3]') as standalone_theoretical_flops,
       json_extract(added, '$[3]') as marginal_theoretical_flops
from (
  select s.name as sweep, t.number as trial, t.seed, r.branch, r.kind, r.copy, r.round, (
  with recursive ancestor (job) as (
    select x.job from round_jobs x
    where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
    union
    select q.parent from job_parents q join ancestor on q.job = ancestor.job)
  select json_array(
         cast(round(coalesce(sum(iterations * part), 0)) as integer),
         cast(coalesce(sum(flops * part), 0) as real),
         cast(coalesce(sum(device_seconds * part), 0) as real),
         cast(coalesce(sum(theoretical_flops * part), 0) as real))
  from (
    select e.*, case when e.job = looked.job and e.iterations > 0 then cast(f.iteration as real) / e.iterations else 1 end as part
    from ancestor join results e on e.job = ancestor.job
    where not exists (
      select 1 from replaced_jobs q join ancestor maker on maker.job = q.maker where q.job = ancestor.job)) behind) as alone, (
  select json_array(
         cast(coalesce(sum(e.iterations), 0) as integer),
         cast(coalesce(sum(e.flops), 0) as real),
         cast(coalesce(sum(e.device_seconds), 0) as real),
         cast(coalesce(sum(e.theoretical_flops), 0) as real))
  from (
    select x.job from round_jobs x
    where x.trial = r.trial and x.branch = r.branch and x.copy = r.copy and x.round = r.round
      and not exists (
        select 1 from round_jobs y join trials u on u.id = y.trial
        where y.job = x.job and u.sweep = t.sweep
          and (y.trial, y.branch, y.copy, y.round) < (x.trial, x.branch, x.copy, x.round))
    union all
    select x.job from analysis_jobs x
    where x.trial = r.trial and r.branch = '' and x.round = r.round and x.analysis = 'prune.search'
      and not exists (
        select 1 from analysis_jobs y join trials u on u.id = y.trial
        where y.job = x.job and y.analysis = x.analysis and u.sweep = t.sweep and y.trial < x.trial)) own
  join claims c on c.sweep = t.sweep and c.job = own.job and not c.shared
  join results e on e.job = own.job) as added
  from rounds r
  join trials t on t.id = r.trial
  join sweeps s on s.id = t.sweep
  left join analysis_jobs looked on looked.trial = r.trial and looked.analysis = 'prune.search' and looked.round = r.round
  left join rounds own on own.trial = r.trial and own.branch = '' and own.round = r.round
  left join found_tickets f on f.job = own.mask);
COMMIT;
