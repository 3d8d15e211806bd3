// quickfixgo as a driver: one FIX session in a process of its own. docs/engines.md says what a driver is told.
//
// It knows nothing of this project. Every number and answer is the engine's.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/quickfixgo/quickfix"
	"github.com/quickfixgo/quickfix/log/file"
	store "github.com/quickfixgo/quickfix/store/file"
)

// Header fields that a scenario may set.
var header = map[int]bool{43: true, 50: true, 57: true, 97: true, 116: true, 122: true, 128: true, 129: true, 369: true, 1128: true, 1129: true}

type settings struct {
	Role          string `json:"role"`
	BeginString   string `json:"begin_string"`
	Application   string `json:"application"`
	Sender        string `json:"sender"`
	Target        string `json:"target"`
	Port          int    `json:"port"`
	Store         string `json:"store"`
	Heartbeat     int    `json:"heartbeat"`
	StartTime     string `json:"start_time"`
	EndTime       string `json:"end_time"`
	NextExpected  bool   `json:"next_expected"`
	LastProcessed bool   `json:"last_processed"`
}

type field [2]any

type order struct {
	ID     int     `json:"id"`
	Do     string  `json:"do"`
	Type   string  `json:"type"`
	Fields []field `json:"fields"`
	Reset  bool    `json:"reset"`
	To     int     `json:"to"`
}

var printing sync.Mutex

// tell prints one line for the test.
func tell(event string, more map[string]any) {
	if more == nil {
		more = map[string]any{}
	}
	more["event"] = event
	line, _ := json.Marshal(more)
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(string(line))
}

type engine interface {
	Start() error
	Stop()
}

type driver struct {
	settings settings
	session  quickfix.SessionID
	logon    []field
	engine   engine
}

// --- what a test may ask for ---

func (d *driver) perform(o order) (any, error) {
	switch o.Do {
	case "connect":
		if d.engine != nil {
			d.engine.Stop()
			_ = quickfix.UnregisterSession(d.session)
		}
		d.logon = o.Fields
		return nil, d.start(o.Reset)
	case "send":
		return nil, d.send(o.Type, o.Fields)
	case "reset":
		d.logon = o.Fields
		return nil, d.send("A", []field{{98.0, "0"}, {108.0, strconv.Itoa(d.settings.Heartbeat)}, {141.0, "Y"}})
	case "logout":
		// The library has no other way for a single session: its engine is stopped, and started anew.
		d.engine.Stop()
		return nil, nil
	case "logon":
		if d.settings.Role == "venue" {
			_ = quickfix.UnregisterSession(d.session)
			return nil, d.start(false)
		}
		return nil, nil
	case "skip":
		return nil, quickfix.SetNextSenderMsgSeqNum(d.session, o.To)
	case "numbers":
		out, err := quickfix.GetExpectedSenderNum(d.session)
		if err != nil {
			return nil, err
		}
		in, err := quickfix.GetExpectedTargetNum(d.session)
		return map[string]int{"out": out, "in": in}, err
	}
	return nil, fmt.Errorf("no such order")
}

func (d *driver) send(kind string, fields []field) error {
	message := quickfix.NewMessage()
	message.Header.SetString(35, kind)
	put(fields, message)
	return quickfix.SendToTarget(message, d.session)
}

// put sets the fields. A second value of a tag goes into a group of its own, whose count is the first.
func put(fields []field, message *quickfix.Message) {
	for _, f := range fields {
		tag, value := quickfix.Tag(f[0].(float64)), f[1].(string)
		switch {
		case header[int(tag)]:
			message.Header.SetString(tag, value)
		case message.Body.Has(tag):
			group := quickfix.NewRepeatingGroup(tag, quickfix.GroupTemplate{quickfix.GroupElement(tag)})
			group.Add().SetString(tag, value)
			message.Body.SetGroup(group)
		default:
			message.Body.SetString(tag, value)
		}
	}
}

func (d *driver) start(reset bool) error {
	parsed, err := quickfix.ParseSettings(strings.NewReader(d.configuration(reset)))
	if err != nil {
		return err
	}
	logs, err := file.NewLogFactory(parsed)
	if err != nil {
		return err
	}
	if d.settings.Role == "client" {
		d.engine, err = quickfix.NewInitiator(d, store.NewStoreFactory(parsed), parsed, logs)
	} else {
		d.engine, err = quickfix.NewAcceptor(d, store.NewStoreFactory(parsed), parsed, logs)
	}
	if err != nil {
		return err
	}
	return d.engine.Start()
}

func (d *driver) configuration(reset bool) string {
	s := d.settings
	dictionaries := os.Getenv("DICTIONARIES")
	file := func(version string) string {
		return filepath.Join(dictionaries, strings.ReplaceAll(version, ".", "")+".xml")
	}
	lines := []string{
		"[DEFAULT]",
		"FileStorePath=" + s.Store, "FileLogPath=" + s.Store,
		"ReconnectInterval=3600", "LogoutTimeout=2", "HeartBtInt=" + strconv.Itoa(s.Heartbeat),
		"SocketConnectHost=127.0.0.1", "SocketConnectPort=" + strconv.Itoa(s.Port),
		"SocketAcceptHost=127.0.0.1", "SocketAcceptPort=" + strconv.Itoa(s.Port),
		"ResetOnLogon=" + yes(reset), "EnableNextExpectedMsgSeqNum=" + yes(s.NextExpected),
		"EnableLastMsgSeqNumProcessed=" + yes(s.LastProcessed), "ValidateUserDefinedFields=N",
	}
	if s.StartTime != "" {
		lines = append(lines, "StartTime="+s.StartTime, "EndTime="+s.EndTime)
	}
	lines = append(lines, "[SESSION]", "BeginString="+s.BeginString, "SenderCompID="+s.Sender, "TargetCompID="+s.Target)
	if s.BeginString == "FIXT.1.1" {
		lines = append(lines, "DefaultApplVerID="+s.Application, "TransportDataDictionary="+file("FIXT.1.1"),
			"AppDataDictionary="+file(s.Application))
	} else {
		lines = append(lines, "DataDictionary="+file(s.BeginString))
	}
	return strings.Join(lines, "\n") + "\n"
}

func yes(flag bool) string {
	if flag {
		return "Y"
	}
	return "N"
}

// --- what the engine tells ---

func (d *driver) OnCreate(quickfix.SessionID) {}
func (d *driver) OnLogon(quickfix.SessionID)  { tell("logon", nil) }
func (d *driver) OnLogout(quickfix.SessionID) { tell("logout", nil) }

func (d *driver) ToAdmin(message *quickfix.Message, _ quickfix.SessionID) {
	if message.IsMsgTypeOf("A") {
		put(d.logon, message)
	}
}

func (d *driver) ToApp(*quickfix.Message, quickfix.SessionID) error { return nil }

func (d *driver) FromAdmin(message *quickfix.Message, _ quickfix.SessionID) quickfix.MessageRejectError {
	tell("received", map[string]any{"admin": true, "raw": message.String()})
	return nil
}

func (d *driver) FromApp(message *quickfix.Message, _ quickfix.SessionID) quickfix.MessageRejectError {
	tell("received", map[string]any{"admin": false, "raw": message.String()})
	return nil
}

func main() {
	d := &driver{}
	if err := json.Unmarshal([]byte(os.Args[1]), &d.settings); err != nil {
		panic(err)
	}
	d.session = quickfix.SessionID{BeginString: d.settings.BeginString, SenderCompID: d.settings.Sender, TargetCompID: d.settings.Target}
	if d.settings.Role == "venue" {
		if err := d.start(false); err != nil {
			panic(err)
		}
	}
	tell("ready", map[string]any{"engine": "quickfixgo"})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o order
		err := json.Unmarshal(lines.Bytes(), &o)
		var result any
		if err == nil {
			result, err = d.perform(o)
		}
		if err != nil {
			tell("failed", map[string]any{"id": o.ID, "error": err.Error()}) // told, and judged by the test
			continue
		}
		tell("done", map[string]any{"id": o.ID, "result": result})
	}
}
