/**
 * Pieces of words that scripted models read as one token each, so that an agent's long prompt costs a third of the
 * tokens that its letters would. They were found by byte-pair encoding over documentation and source text; `_` stands
 * for a space. Each piece is the sum of two earlier ones or of letters, in the order in which a tokenizer joins them.
 */
const PIECES = `
__ ____ _t in ________ _a re on he er _s or le en at _c es _the is _f it _o _b de _w al ing ion se _p _m an _n st ct
om ar et _in _re ed ur _an _to ent am lo _is un _d ex ut ro im _of _st ad ________________ ce ul as _th -- if um _and
ode il _= pt _h _l ile urn _v pe _be _for ot _( ch _' ith _u ort ly ri _g ck ______ // _con ag tt od ect ue _ex ve ts
ple _{ con _al _____ port () rom _it _or ter ps ame ject ation ay _on ___ ab _as _de =" ig ver ic ring ol ate _pro
_file ub qu ke id _com com el ption turn bject _with ype fa ction res _[ ttps :// est _by >> th >< age ult The ra her
_e and _from ess ist ers _X https ument ow sed _that _string able all ## _ne _if odel us _object _ar _not _| to _se up
_are em ____________ _lo ** _return ext ass _wh _val pen ack Ret _" _} ine umb _this _y _en Return unction ]( ror _I
_cont ir .. _un ---- ); umber ill == ore low te _do ain iz gument _can iv _A che js ase cl _le ken const pl cri ire
_cl _T ren import ata _number _F ive for _us _function per ded _whe _ma _res ment _read pon os read ds _yo _set ug put
_sh ign ). _argument ', _ad ule _ch tes name _S _inst >>> out _type _par rue ime _he oo so _r _ke one _new yp fault
_option _* _will ample eth oul ould ath ory ref ail ang ther pec gith odule github rent ethod ure ress ork _comm _requ
rit int vi ): ust _so der ></ ht _N ________________________________ cess ant _value op cript arg ait If his (' _class
error ies _list _all _name _used ), _1 ib _- ary ind ap _-- _method _key _O sel upport _P self _call ff ull _use oun
ance form pecif ec ting ich _you oc </ ypes ast ated _form _data ise act ues _model _has _M ition type '; av _we ace
ser _module _D _line model _C ... file _im In _/ _giv _other ml _which ry only ave /** irect This row _get _bytes art
ial urrent _2 _The the code ize _mess _add _support _when Er _______ Error _bu _time clu _no _inter _error ') _out
_specif ost _default Re but _one return _var _may ames iel _ab ener ma fig _sy _contain val -------- _run alse _0 ong
own _command _given red Id _up ome _path _< _null ss _pos _direct ream ding ach _example _href fe _at _only _true _ap
_any ", _token string ines _current ersion pert io irst ix cont _writ pro ribut _chang ca _sel rc br ten open _work zz
_self _its ages _________ ays _fol fter wait led Ms ord _ra _W ied _des ng _cre lock use sion atch _inclu _comp _E ger
img _=> Returns _but ike ==== _should _must amet face _text _U _using _ser _then ity lect etw yth _import col ponse
ents ests _code _arguments fin _rep _have _su tle lob cod ### _first pm bug ces _test _values _does _None set ults oid
back __________ ">< _format ard doc _version _message chema ll _av lean get _vari _provi ython uple idth ep ip seat
_pl ove ew _files line _into _doc ___________ ally _inte _+ .# its ackage _after sh _man load _state _instance types
_B _3 _*/ _input _start _k _att _exce oolean cre alled str par _config _stat not ray _open _gener _src urce ose _where
_names _hand _setting urtle _: _ag _over _follow _paramet _than _objects yn ient ell _variable _also ia ptions _H _j
token _same ](# _pre tern _det _result _L _your ld _tw _returns _width _was stem _process des fore formation _propert
_end _qu _more _request ible npm td _ac are ytes object this _false _server coding oin _two imit _size log _sim ks PI
imal ator _comple _allow lose _mem "></ _stream ingle _sub args _me org ailable _output )) _node _per other resent
_ever _If izer data plement _integer _lines quen comm _options _buil ngth html _response _before ee For ite cent
______________ class _without ffer min _ev Ar ({ user check readonly Ex lem _called div ted ready Pv ash _strings ].
hen sub rint _types lp ], _dif tra _fiel _each of ./ _need _returned _document _information _secon _context json
_specified fo ak oth fast rap _detail _single _R cal _directory _ca _ver lic default _address _such ide ake _under
modelId _min _____________ _=== _user oint _descri _Python _5 end ead _attribut _client _4 ning url To ars _exact ark
heck _prob _make _require _ro _optional ook fined ound ync _go vid pace _implement Con ision _mode _** _who _case
_boolean sible (); pos sole ount _following ok else lease Script _wait _available (). _tuple IN _reg _rem export debug
_they Val _di _col time ne be lag _seat ponent _last _/>< _like vg itle _int _long ways _package _there _iss ince til
ection date ublic _non _await node cket _added _... _some _complete svg add _load _order _turtle */ >; _const ased
_see path uct ttp _tool ugh _instead _cor _them _back _write _both _ask _their content _match _API _been _expl
_functions _install _head Read console eb ww avat lobal _check _until _fr _wor _part _brow value _system ON _she een
ran _oper _Dec tml _void Bytes _diffe _public etween _ent ____________________ ote vir _want ree _settings "> ody
_page text _what _source _between writ place _supported viron _% uration _errors _interface faults _sequen _problem
(), ous _most cause }, rig _how roup opy docs Schema _local (" dub zzz vironment dubzzz _these _conver function _IPv
MA def arget _provided _title und _mult _}, try _exception center _help _'./ _alt comp _map _length _always ER _J aut
ask arch ations _align iome _encoding _provid _possible wn ved requ nown ish Set _tra pons _True _methods _contains
_create _memory _i St _fin ptional _https _next _sign ight _position _status pre orm ify _about word etwork tr sw ])
cur _em refix lective _own co aun Pro _id _readonly _represent _already ense _put with _now _would bo yle _way ault
wise _exten opencol andard opencollective indow api ecut down ======== right ised _/> _mark auth _let typescript
_target Par ama unk _prom ative dex inst _dis ments _thread dition _environment module _different _? ating
________________________ pect top _examples _limit _multi _messages _via _global ging cher _never _File _requests
_provide Value rough _execut pend _content _keys _intern _properties _since _configuration du TP '. eta less _raise
_parameters _close commits _provides bl _dat pty _In lete aract _many _look _browser _through _z _ter _being ilter
_Model _created _parameter _every biome _@ ries _within _filename _here _calls _specific _block ou ie md ink umm File
riv ither ression author SS ?: ignore _change _another _build reak _based ![ sing etch rie test _point ping _// Type
_while flow _Type _max _find Dec _details _sm ates iled vel inter _project _item _stop _tests wh cept now _changes
_even _else _socket _internal _cons _table afe _above creen _those _just _buffer _count _multiple Ke ear umn _prog
essage inary _models aving ---------------- _directly _keep githubuser _flag rivate githubusercontent _&
______________________ }); _select defined Optional ta AI ank _== estion assed write You It dd leet ped amed _log
_still None rary _including _handle ternal _answ ors ian _ind Test _This _web _were _sys minal _required _html body An
En px cor _pass _common _old _property _group _copy _condition _charact bu Cre loat _conn key list ange _appro
_variables _because instance ita ced _our ilar olut _currently box Ra _> _G OR mis uring _turn _show _short _works
attern When _header ummary Key ases _Open _Re _results _field struct vious ST IO ': _arch _stack _could ature _larg
ctionary _again _well Options _seconds _sequence ookie ero _off romise _image valid _array _unless ery _act Com _too
_mod _ass _fix like _running _Fault _previous ft ms _6 IT etc _sort igh _mail itial _started _simple _column _etc by
ual ram _str umentation gine _valign _hash _debug _testing _avoid _place _tell tokenizer Example _take _component
_right _prompt _passed _named sy ][ _bet head _tem True ustom _lib _least _tokens _kind _fields _corre _small blank
_similar _better ") len Res _oc que _attributes avatars _frame _replace _empty At ful inue perties _include _allowed
_mean _second _attribute _exactly _async Note _raised ises _pa lear _tim _gre ick _day ched plic config ility _search
py OF dis utes state _implementation need _update _asked _index _year _binary _answer ge ]: _best _exist _arg _low _It
_done ccess _containing _changed _access _very [![ kita mission _during _pattern kitajs ph "; dev _clo ists _below
_made ields _less cale _working See _print ugging _either rief DE cup number
________________________________________________________________ _loop _join _issue _filter _terminal _dictionary
_correct ai _. RE _ref from ession _row _descript _cannot print Token known _might _style _window ": ert eno als ild
_port ever _sure istant _commands web rans _! _________________ ice _export _ele main guments rence _whether sert
_whole spons reakp pa do ;" _co _exp eps _}; core foo start context %">< _few ically _HT site _wrap _http _shell
_defaults _JS ValueError _ModelId _undefined Create ci "/ bar ams _aut Object abled _byte _users models
_______________ Array _found _remove _question "/>< _x }; eat run _come _bug sure format package _great _session As
ton lying raction call _}); abase _sets _St _fail lib filename ializ _general _description _words _know _against _high
hugging _database huggingface __________________ _did _sup Doc _folder _includes _url _please www duce _connection
_summary _continue [] De >. ier (): _once abc '); aster _gets _paths src _says version _static _overri _tools _Decimal
_OpenAI edit _iter _lets _private _large LI ME RI aps osit
`;

/** The pieces, the first to be joined first. */
export function promptPieces(): readonly string[] {
  return PIECES.trim()
    .split(/\s+/)
    .map((piece) => piece.replaceAll('_', ' '));
}
