//! The FIX tags that the filter itself knows, by their names in the FIX dictionary.

#![allow(missing_docs)]

/// The highest tag.
pub const MAX: u32 = 999_999;

pub const BEGIN_STRING: u32 = 8;
pub const BODY_LENGTH: u32 = 9;
pub const CHECK_SUM: u32 = 10;
pub const BEGIN_SEQ_NO: u32 = 7;
pub const END_SEQ_NO: u32 = 16;
pub const MSG_SEQ_NUM: u32 = 34;
pub const MSG_TYPE: u32 = 35;
pub const NEW_SEQ_NO: u32 = 36;
pub const POSS_DUP_FLAG: u32 = 43;
pub const REF_SEQ_NUM: u32 = 45;
pub const SENDER_COMP_ID: u32 = 49;
pub const SENDER_SUB_ID: u32 = 50;
pub const SENDING_TIME: u32 = 52;
pub const TARGET_COMP_ID: u32 = 56;
pub const TARGET_SUB_ID: u32 = 57;
pub const TEXT: u32 = 58;
pub const SIGNATURE: u32 = 89;
pub const SECURE_DATA_LEN: u32 = 90;
pub const SECURE_DATA: u32 = 91;
pub const SIGNATURE_LENGTH: u32 = 93;
pub const RAW_DATA_LENGTH: u32 = 95;
pub const RAW_DATA: u32 = 96;
pub const POSS_RESEND: u32 = 97;
pub const HEART_BT_INT: u32 = 108;
pub const TEST_REQ_ID: u32 = 112;
pub const ON_BEHALF_OF_COMP_ID: u32 = 115;
pub const ON_BEHALF_OF_SUB_ID: u32 = 116;
pub const ORIG_SENDING_TIME: u32 = 122;
pub const GAP_FILL_FLAG: u32 = 123;
pub const DELIVER_TO_COMP_ID: u32 = 128;
pub const DELIVER_TO_SUB_ID: u32 = 129;
pub const RESET_SEQ_NUM_FLAG: u32 = 141;
pub const SENDER_LOCATION_ID: u32 = 142;
pub const TARGET_LOCATION_ID: u32 = 143;
pub const ON_BEHALF_OF_LOCATION_ID: u32 = 144;
pub const DELIVER_TO_LOCATION_ID: u32 = 145;
pub const XML_DATA_LEN: u32 = 212;
pub const XML_DATA: u32 = 213;
pub const MESSAGE_ENCODING: u32 = 347;
pub const LAST_MSG_SEQ_NUM_PROCESSED: u32 = 369;
pub const REF_TAG_ID: u32 = 371;
pub const REF_MSG_TYPE: u32 = 372;
pub const SESSION_REJECT_REASON: u32 = 373;
pub const BUSINESS_REJECT_REF_ID: u32 = 379;
pub const BUSINESS_REJECT_REASON: u32 = 380;
pub const USERNAME: u32 = 553;
pub const PASSWORD: u32 = 554;
pub const NO_HOPS: u32 = 627;
pub const HOP_COMP_ID: u32 = 628;
pub const HOP_SENDING_TIME: u32 = 629;
pub const HOP_REF_ID: u32 = 630;
pub const NEXT_EXPECTED_MSG_SEQ_NUM: u32 = 789;
pub const USER_REQUEST_ID: u32 = 923;
pub const USER_REQUEST_TYPE: u32 = 924;
pub const NEW_PASSWORD: u32 = 925;
pub const USER_STATUS: u32 = 926;
pub const USER_STATUS_TEXT: u32 = 927;
pub const APPL_VER_ID: u32 = 1128;
pub const CSTM_APPL_VER_ID: u32 = 1129;
pub const DEFAULT_APPL_VER_ID: u32 = 1137;
pub const APPL_EXT_ID: u32 = 1156;
pub const ENCRYPTED_PASSWORD_LEN: u32 = 1401;
pub const ENCRYPTED_PASSWORD: u32 = 1402;
pub const ENCRYPTED_NEW_PASSWORD_LEN: u32 = 1403;
pub const ENCRYPTED_NEW_PASSWORD: u32 = 1404;
pub const SESSION_STATUS: u32 = 1409;

/// Fields of the standard header and trailer that may stand in a message once only.
pub const SINGLE_HEADER: [u32; 33] = [
    BEGIN_STRING,
    BODY_LENGTH,
    MSG_TYPE,
    SENDER_COMP_ID,
    TARGET_COMP_ID,
    ON_BEHALF_OF_COMP_ID,
    DELIVER_TO_COMP_ID,
    SECURE_DATA_LEN,
    SECURE_DATA,
    MSG_SEQ_NUM,
    SENDER_SUB_ID,
    SENDER_LOCATION_ID,
    TARGET_SUB_ID,
    TARGET_LOCATION_ID,
    ON_BEHALF_OF_SUB_ID,
    ON_BEHALF_OF_LOCATION_ID,
    DELIVER_TO_SUB_ID,
    DELIVER_TO_LOCATION_ID,
    POSS_DUP_FLAG,
    POSS_RESEND,
    SENDING_TIME,
    ORIG_SENDING_TIME,
    XML_DATA_LEN,
    XML_DATA,
    MESSAGE_ENCODING,
    LAST_MSG_SEQ_NUM_PROCESSED,
    NO_HOPS,
    APPL_VER_ID,
    CSTM_APPL_VER_ID,
    APPL_EXT_ID,
    SIGNATURE_LENGTH,
    SIGNATURE,
    CHECK_SUM,
];

/// Body fields that the filter acts on, and so may stand in a message once only. No dictionary of FIX 4.0 to 5.0 SP2 has one
/// of them in a repeating group.
pub const SINGLE_BODY: [u32; 14] = [
    BEGIN_SEQ_NO,
    END_SEQ_NO,
    NEW_SEQ_NO,
    TEST_REQ_ID,
    GAP_FILL_FLAG,
    RESET_SEQ_NUM_FLAG,
    PASSWORD,
    NEXT_EXPECTED_MSG_SEQ_NUM,
    USER_REQUEST_ID,
    USER_REQUEST_TYPE,
    NEW_PASSWORD,
    DEFAULT_APPL_VER_ID,
    ENCRYPTED_PASSWORD,
    ENCRYPTED_NEW_PASSWORD,
];

/// Ids of the header that a message may have besides its CompIDs.
pub const OPTIONAL_IDS: [u32; 10] = [
    SENDER_SUB_ID,
    SENDER_LOCATION_ID,
    TARGET_SUB_ID,
    TARGET_LOCATION_ID,
    ON_BEHALF_OF_COMP_ID,
    ON_BEHALF_OF_SUB_ID,
    ON_BEHALF_OF_LOCATION_ID,
    DELIVER_TO_COMP_ID,
    DELIVER_TO_SUB_ID,
    DELIVER_TO_LOCATION_ID,
];

/// Ids of third parties that a message comes through: OnBehalfOf and DeliverTo.
pub const ROUTE_IDS: [u32; 6] = [
    ON_BEHALF_OF_COMP_ID,
    ON_BEHALF_OF_SUB_ID,
    ON_BEHALF_OF_LOCATION_ID,
    DELIVER_TO_COMP_ID,
    DELIVER_TO_SUB_ID,
    DELIVER_TO_LOCATION_ID,
];

/// The tag under which the other side writes the id `tag` of [`OPTIONAL_IDS`].
pub fn mirrored(tag: u32) -> u32 {
    const SIDES: [(u32, u32); 5] = [
        (SENDER_SUB_ID, TARGET_SUB_ID),
        (SENDER_LOCATION_ID, TARGET_LOCATION_ID),
        (ON_BEHALF_OF_COMP_ID, DELIVER_TO_COMP_ID),
        (ON_BEHALF_OF_SUB_ID, DELIVER_TO_SUB_ID),
        (ON_BEHALF_OF_LOCATION_ID, DELIVER_TO_LOCATION_ID),
    ];
    let other = SIDES.iter().find_map(|(one, other)| match tag {
        tag if tag == *one => Some(*other),
        tag if tag == *other => Some(*one),
        _ => None,
    });
    other.unwrap_or(tag)
}

/// Header fields of the hops group, which repeats.
pub const REPEATING_HEADER: [u32; 3] = [HOP_COMP_ID, HOP_SENDING_TIME, HOP_REF_ID];

/// Fields that hold a password or a raw credential, and their lengths.
pub const SECRETS: [u32; 10] = [
    SECURE_DATA_LEN,
    SECURE_DATA,
    RAW_DATA_LENGTH,
    RAW_DATA,
    PASSWORD,
    NEW_PASSWORD,
    ENCRYPTED_PASSWORD_LEN,
    ENCRYPTED_PASSWORD,
    ENCRYPTED_NEW_PASSWORD_LEN,
    ENCRYPTED_NEW_PASSWORD,
];
